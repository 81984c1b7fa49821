#pragma once
#include "kvctl/mvcc/tree_index.hpp"

namespace kvctl::store {

/// Finds a row's slot: at once when rows come in revision order, by search when they do not.
class SlotCursor {
  public:
    explicit SlotCursor(const mvcc::TreeIndex& index) : index_(index) {}
    /// k_no_slot when the index has no such row.
    [[nodiscard]] mvcc::Slot at(mvcc::Revision revision);
    /// The row that comes next.
    void expect(mvcc::Slot slot) noexcept { next_ = slot; }

  private:
    const mvcc::TreeIndex& index_;
    mvcc::Slot next_ = 0;
};

}  // namespace kvctl::store
