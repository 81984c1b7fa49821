#include "kvctl/store/sqlite/batches.hpp"

#include <algorithm>

namespace kvctl::store {
namespace {

using mvcc::Slot;

// The revision at which each removed row may go: its own for a tombstone or gap, else that of the row that
// replaced it.
std::vector<Slot> releases_of(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan) {
    std::vector<Slot> by(plan.slot_end, mvcc::k_no_slot);
    std::vector<Slot> newest(index.key_count(), mvcc::k_no_slot);
    index.for_each_row(0, plan.slot_end, [&](Slot s) {
        by[s] = s;
        const mvcc::KeyId key = index.key_of(s);
        if (key >= mvcc::k_gap_key) return;
        if (newest[key] != mvcc::k_no_slot && !index.is_tombstone(newest[key])) by[newest[key]] = s;
        newest[key] = s;
    });
    return by;
}

}  // namespace

Batches::Batches(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan, Layout layout,
                 std::int64_t size)
    : index_(index), size_(static_cast<std::size_t>(size)) {
    index.for_each_row(0, plan.slot_end, [&](Slot s) {
        if (plan.removed_slots.contains(s)) rows_.push_back(s);
    });
    if (layout == Layout::native) return;
    released_by_ = releases_of(index, plan);
    std::stable_sort(rows_.begin(), rows_.end(),
                     [&](Slot a, Slot b) { return released_by_[a] < released_by_[b]; });
}

std::span<const Slot> Batches::from(std::size_t begin, std::size_t size) const {
    std::size_t end = size < rows_.size() - begin ? begin + size : rows_.size();
    if (!released_by_.empty()) {
        while (end > begin && end < rows_.size() &&
               released_by_[rows_[end]] == released_by_[rows_[end - 1]]) {
            ++end;
        }
    }
    return std::span(rows_).subspan(begin, end - begin);
}

std::size_t Batches::released_by(MainRevision at) const {
    const Slot above = index_.upper_bound(at);
    const auto end =
        std::partition_point(rows_.begin(), rows_.end(), [&](Slot s) { return released_by_[s] < above; });
    return static_cast<std::size_t>(end - rows_.begin());
}

MainRevision Batches::reached_by(std::span<const Slot> batch) const {
    const Slot last = batch.back();
    return MainRevision(index_.revision(released_by_.empty() ? last : released_by_[last]).main);
}

}  // namespace kvctl::store
