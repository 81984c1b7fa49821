#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/store/sqlite/execute.hpp"
#include "kvctl/store/sqlite/sqlite_store.hpp"

namespace kvctl::store {

/// What is going to be done to a store, as far as its disk is concerned.
struct DiskWork {
    bool deletes = false;  ///< rows go, in the way `strategy` says
    Strategy strategy = Strategy::in_place;
    std::optional<std::int64_t> batch;
    bool shrinks = false;            ///< behind deletes in place, or alone: see shrink()
    bool vacuums_in_place = false;   ///< shrink() cannot replace the file
    std::uint64_t result_bytes = 0;  ///< of the file once it is shrunk
    std::uint64_t raft_bytes = 0;    ///< of log entries that go in place
    bool clears_old_values = false;  ///< of the rows that stay
    std::optional<std::string> backup;
    std::optional<std::string> output;  ///< the store stays as it is, this new file is made
};

/// What the work needs at the most beside what is there, file by file: folders may be on one file system.
/// SQLite's temporary files are counted where it puts them.
[[nodiscard]] std::vector<SpaceNeeds> space_needs(const SqliteStore& store, const mvcc::TreeIndex& index,
                                                  const mvcc::CompactionPlan& plan, const DiskWork& work);

/// A file system with less room than is needed there.
struct Shortage {
    std::string folder;
    std::uint64_t needs = 0;
    std::uint64_t has = 0;
};
/// Sums up what goes to one file system. nullopt: all is there. With `may_checkpoint`, what the store's own
/// -wal takes counts as room where it can be moved into the file first: see WritableStore::checkpoint().
[[nodiscard]] std::optional<Shortage> find_shortage(const std::vector<SpaceNeeds>& needs,
                                                    const StoreInfo& info, bool may_checkpoint);

/// Where SQLite puts its temporary files.
[[nodiscard]] std::string temporary_folder();

}  // namespace kvctl::store
