#pragma once
#include <cstdint>
#include <vector>

#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/store/sqlite/sqlite_store.hpp"

namespace kvctl::store {

/// How the rows that stay will stand in the new file.
struct RowOrder {
    bool renumbered = true;  ///< with rowids from 1 on, as a copy gives them; else with those they have
    std::vector<mvcc::Slot> slots;  ///< every row of the store in rowid order; empty: in revision order
};

/// The order that VACUUM keeps: the rows as they stand. Reads the revisions once more where they do not
/// ascend.
[[nodiscard]] RowOrder order_of_rows(SqliteStore& store, const mvcc::TreeIndex& index);

/// Bytes of the file once it holds only what the plan keeps, packed as VACUUM packs. `other_pages` is what
/// the rest of the file needs: see other_pages(). `old_values`: bytes of old_value that go with
/// --drop-old-values, by slot; may be empty.
[[nodiscard]] std::uint64_t predict_file_bytes(const SqliteStore& store, const mvcc::TreeIndex& index,
                                               const mvcc::CompactionPlan& plan, std::uint64_t other_pages,
                                               const std::vector<std::uint32_t>& old_values,
                                               const RowOrder& order);

/// Bytes of old_value of each row that a compaction keeps at or below its revision, by slot. Reads those
/// rows.
[[nodiscard]] std::vector<std::uint32_t> old_value_bytes(SqliteStore& store, const mvcc::TreeIndex& index,
                                                         const mvcc::CompactionPlan& plan);

/// Pages of everything that is not the revision table, when packed: the schema, other tables and their
/// indexes.
[[nodiscard]] std::uint64_t other_pages(SqliteStore& store);

}  // namespace kvctl::store
