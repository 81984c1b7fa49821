#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/store/sqlite/writable.hpp"

namespace kvctl::store {

/// Deletes what the plan removes and sets the compact revision, in one transaction that is checked against
/// the plan before it is committed; with `batch` in transactions of so many revisions, which a later run
/// resumes. Throws damaged, with nothing changed, when the store is not what the plan was made
/// from or a page of it has two uses.
void execute_in_place(SqliteWritable& writable, const mvcc::TreeIndex& index,
                      const mvcc::CompactionPlan& plan, const Execution& execution,
                      std::optional<std::int64_t> batch);

/// Behind a load(): throws refused where the rows cannot be copied into a new table as they are.
void check_copyable(const SqliteStore& store);

/// Whether deleting in place in one transaction drops the indexes and builds them again behind the deletes:
/// from a tenth of the rows on that is cheaper than to keep them.
[[nodiscard]] bool rebuilds_indexes(const mvcc::CompactionPlan& plan) noexcept;

/// Copies the survivors into a new file, checks it against the plan, and renames it over the store, which is
/// closed. Until the rename the store is as it was.
void execute_rewrite(SqliteWritable& writable, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                     const Execution& execution);

/// Gives free pages back to the file system: VACUUM INTO a new file and rename, or VACUUM itself where the
/// file has more than one name or somebody has it open. Closes the store.
void shrink(SqliteWritable& writable, Progress* progress);

}  // namespace kvctl::store
