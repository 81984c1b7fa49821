#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/mvcc/tree_index.hpp"

namespace kvctl::mvcc {

/// What a compaction plan does with one row, and why.
struct Explained {
    enum class Reason {
        superseded,           ///< goes: `by` is the next revision of its key, tombstone included
        tombstone,            ///< goes
        orphan,               ///< kine, goes: `by` is the newest row of its key at or below the compaction
        gap,                  ///< kine, goes
        newer,                ///< stays: above the compaction
        latest,               ///< stays: what a reader at the compact revision sees
        tombstone_at_target,  ///< stays: keep-at-rev
        current,              ///< kine, stays: the row of the current revision
        unplaced,             ///< stays: a row that cannot be read well enough to be judged
        already_compacted,    ///< stays: the plan has nothing to do
    };

    Slot slot = k_no_slot;
    bool removed = false;
    Reason reason = Reason::newer;
    std::optional<Revision> by;
};
[[nodiscard]] std::string_view name_of(Explained::Reason reason) noexcept;

/// The id of a key with stored rows, indexed or not.
[[nodiscard]] std::optional<KeyId> find_stored_key(const TreeIndex& index, std::string_view key);

/// Every stored row of a key, ascending, those included that the index does not know.
[[nodiscard]] std::vector<Slot> rows_of_key(const TreeIndex& index, KeyId id);

/// The plan's verdict on each row of a key, ascending.
[[nodiscard]] std::vector<Explained> explain_key(const TreeIndex& index, const CompactionPlan& plan,
                                                 KeyId id);

/// The same for the rows written at `at`, or only for the one with that sub.
[[nodiscard]] std::vector<Explained> explain_revision(const TreeIndex& index, const CompactionPlan& plan,
                                                      MainRevision at, std::optional<std::int64_t> sub);

}  // namespace kvctl::mvcc
