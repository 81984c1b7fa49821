#pragma once
#include <string>

#include "kvctl/store/store.hpp"
#include "tests/fuzz/targets.hpp"

namespace kvctl::fuzz {

enum class Work {
    read,           ///< reading alone
    compact_copy,   ///< and a compaction into another file
    compact_itself  ///< and a compaction of the file, as a run without -o does
};

/// What examine() found, for counts.
struct Examined {
    bool opened = false;
    bool sound = false;                            ///< `check` has nothing above information
    bool compacted = false;                        ///< a compaction was executed, and kept what it must
    store::Layout layout = store::Layout::native;  ///< when opened
};

/// Puts a file of any content through every way in which kvctl reads a store, and through a compaction.
/// Throws BrokenPromise when
/// - anything but an Error comes out, or an Error of kind `internal`;
/// - `check` throws for anything but the system's own reasons;
/// - `check` is content, but loading, planning, hashing or explaining fails, or what kvctl reads is not what
///   SQLite alone reads;
/// - a plan's counts do not add up, or `explain` and the plan disagree;
/// - an executed compaction has lost a live key, changed a value, or left other rows than it says; one that
///   was refused has changed a byte.
/// `choice` is any number: which revision is compacted, how, and which of the slower commands run.
[[nodiscard]] Examined examine(const std::string& path, unsigned choice, Work work);

/// The same for reading alone, of a store that is open. Not deep: loaded and planned, and compared with
/// nothing.
void examine_store(store::Store& store, unsigned choice, Depth depth, Examined& result);

/// Opens and examines a store, to any depth but deep.
void glance(const std::string& path, unsigned choice, Depth depth);

}  // namespace kvctl::fuzz
