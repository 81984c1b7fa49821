#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/store/sqlite/execute.hpp"
#include "kvctl/store/sqlite/sqlite_store.hpp"

namespace kvctl::store {

/// What the work needs at the most beside what is there, file by file: folders may be on one file system.
/// SQLite's temporary files are counted where it puts them.
[[nodiscard]] std::vector<SpaceNeeds> space_needs(const SqliteStore& store, const mvcc::TreeIndex& index,
                                                  const mvcc::CompactionPlan& plan, const DiskWork& work);

/// Where SQLite puts its temporary files.
[[nodiscard]] std::string sqlite_temporary_folder();

}  // namespace kvctl::store
