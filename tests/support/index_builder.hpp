#pragma once
#include <set>
#include <string>
#include <vector>

#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/mvcc/tree_index.hpp"
#include "tests/support/naive_store.hpp"

namespace kvctl::test {

/// A library index filled from rows in their order, cut into `segments` stretches. The rows must ascend.
[[nodiscard]] mvcc::TreeIndex index_of(const std::vector<naive::Row>& rows,
                                       const mvcc::CompactionRules& rules, std::size_t segments = 1);

/// Replays puts and tombstones one by one through etcd's own operations, as a running store does.
[[nodiscard]] mvcc::TreeIndex live_index_of(const std::vector<naive::Row>& rows,
                                            const mvcc::CompactionRules& rules);

/// The same text as naive::index_line and index_text, from the library's index.
[[nodiscard]] std::string index_line(const mvcc::KeyIndex& key);
[[nodiscard]] std::string index_text(const mvcc::TreeIndex& index);
/// The tree as a compaction at `at` leaves it in memory.
[[nodiscard]] std::string index_text_after(const mvcc::TreeIndex& index, std::int64_t at);

/// A slot set as the revisions it stands for.
[[nodiscard]] std::set<mvcc::Revision> revisions_of(const mvcc::TreeIndex& index, const mvcc::SlotSet& slots);
/// What a plan removes, in order.
[[nodiscard]] std::vector<mvcc::Revision> removed_by(const mvcc::TreeIndex& index,
                                                     const mvcc::CompactionPlan& plan);
/// "2.0 4.1 5.0", for tables and messages.
[[nodiscard]] std::string text_of(const std::vector<mvcc::Revision>& revisions);
[[nodiscard]] std::string text_of(const std::set<mvcc::Revision>& revisions);

/// The model's switches as the library's.
[[nodiscard]] mvcc::CompactionRules rules_like(const naive::Rules& rules);

}  // namespace kvctl::test
