#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/base/strong.hpp"
#include "kvctl/mvcc/slot_set.hpp"
#include "kvctl/mvcc/tree_index.hpp"

namespace kvctl::mvcc {

/// The counters of a store that a plan starts from.
struct CompactionInput {
    MainRevision current{1};
    MainRevision compacted{-1};             ///< finished; -1 if never (kine: 0)
    std::optional<MainRevision> scheduled;  ///< above `compacted`: a compaction that was cut short
};

/// What a compaction removes and leaves, as a plain value: the same for the same input, every time. It holds
/// no handle and names rows by the slots of the index it was made from.
struct CompactionPlan {
    enum class Kind {
        compact,            ///< rows go, or at least the compact revision moves
        already_compacted,  ///< the revision asked for is at or below the compact revision
    };

    Kind kind = Kind::already_compacted;
    CompactionRules rules;
    MainRevision current;
    MainRevision compacted_before;
    MainRevision target;  ///< as asked for
    MainRevision compacted_after;
    std::optional<MainRevision> finishes;  ///< a compaction cut short before, which this one completes
    Tally before;
    Tally removed;
    Tally kept;
    SlotSet removed_slots;
    Slot slot_end = 0;                ///< one past the last slot in reach: rows from here on never go
    std::vector<Revision> lost_live;  ///< live revisions that etcd's own rule would delete (etcd.md 2.4)
    std::optional<Revision>
        kept_current;  ///< kine: the current revision's row, which the rule alone would remove
    std::uint64_t cross_key_pointers = 0;  ///< kine: rows whose prev_revision names a row of another key
    std::uint64_t dangling_pointers =
        0;            ///< kine: rows that point above the compact revision at a missing row
    SlotSet orphans;  ///< kine: removed rows that no later row points at

    friend bool operator==(const CompactionPlan&, const CompactionPlan&) = default;
};

/// Decides a compaction at `at`: etcd's treeIndex.Compact over the whole tree, then every row at or below the
/// revision that the index does not hold on to. Throws future_revision when `at` is above the current
/// revision.
[[nodiscard]] CompactionPlan plan_compaction(const TreeIndex& index, const CompactionInput& input,
                                             MainRevision at);

/// The revision a plan for `at` compacts to once a compaction that was cut short is finished first.
[[nodiscard]] MainRevision effective_target(const CompactionInput& input, MainRevision at) noexcept;

/// Rows of the index that a compaction at the bound leaves at or below it: etcd's "available" set.
[[nodiscard]] SlotSet compact_tree(const TreeIndex& index, CompactionBound bound,
                                   std::uint64_t& vanished_keys, std::vector<Revision>& lost_live);
/// Rows that a hash at the bound reads at or below it.
[[nodiscard]] SlotSet keep_tree(const TreeIndex& index, CompactionBound bound, bool& empty);

enum class RemovalReason { superseded, tombstone, orphan, gap };
[[nodiscard]] std::string_view name_of(RemovalReason reason) noexcept;

struct RemovedRow {
    Slot slot = k_no_slot;
    RemovalReason reason = RemovalReason::superseded;
    std::optional<Revision> by;  ///< the revision that made it go, where one did
};

/// The removed rows in revision order, each with its reason.
class RemovedRows {
  public:
    RemovedRows(const TreeIndex& index, const CompactionPlan& plan);
    template <class F>
    void for_each(F f) const {
        index_.for_each_row(0, plan_.slot_end, [&](Slot s) {
            if (plan_.removed_slots.contains(s)) f(describe(s));
        });
    }

  private:
    [[nodiscard]] RemovedRow describe(Slot s) const;
    const TreeIndex& index_;
    const CompactionPlan& plan_;
    std::vector<Slot> next_;    // next revision of the same key
    std::vector<Slot> newest_;  // by key: newest row at or below the compaction
};

/// A number that two sets of rows share only if they are the same rows: order does not matter. Over the rows
/// of [0, end) that are not in `without`; sizes count only `with_bytes`.
[[nodiscard]] std::uint64_t digest_rows(const TreeIndex& index, Slot end, const SlotSet* without,
                                        bool with_bytes);

}  // namespace kvctl::mvcc
