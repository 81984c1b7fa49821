#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/mvcc/slot_set.hpp"
#include "kvctl/mvcc/tree_index.hpp"

namespace kvctl::store {

/// What of a history table kine has no place for: it holds one row a revision, and gives some names a meaning
/// of their own. Found from the index, before anything is written.
struct KineLimits {
    std::optional<mvcc::Revision> first_shared;  ///< the first row whose main another row has, too
    std::uint64_t shared = 0;                    ///< rows behind the first of their main
    std::optional<std::string> gap_key;          ///< a key that kine would take for a gap
    std::uint64_t markers = 0;                   ///< rows of the empty key: a restore's marks

    /// Of the rows that are not in `without` (may be null).
    [[nodiscard]] static KineLimits of(const mvcc::TreeIndex& index, const mvcc::SlotSet* without);
    /// Throws refused, naming the first row or key in the way.
    void check(const std::string& path, bool renumber) const;
};

}  // namespace kvctl::store
