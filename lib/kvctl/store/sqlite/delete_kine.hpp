#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "kvctl/mvcc/slot_set.hpp"
#include "kvctl/mvcc/tree_index.hpp"
#include "kvctl/sqlite/database.hpp"

namespace kvctl::store {

/// Ids of the rows that hold a kine store's compact revision, ascending.
[[nodiscard]] std::vector<std::int64_t> compact_row_ids(const sqlite::Database& db);

/// Deletes the rows of [0, end) that are doomed; returns how many there were.
std::uint64_t delete_kine(sqlite::Database& db, const mvcc::TreeIndex& index, const mvcc::SlotSet& doomed,
                          mvcc::Slot end);
/// The same for the rows of a batch, and no other row that came to stand among them since the index was made.
std::uint64_t delete_kine(sqlite::Database& db, const mvcc::TreeIndex& index,
                          std::span<const mvcc::Slot> batch);

}  // namespace kvctl::store
