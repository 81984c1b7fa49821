#include "kvctl/store/slot_cursor.hpp"

namespace kvctl::store {

mvcc::Slot SlotCursor::at(mvcc::Revision revision) {
    const mvcc::Slot end = index_.slot_end();
    if (next_ < end && index_.occupied(next_) && index_.revision(next_) == revision) return next_++;
    const mvcc::Slot found = index_.find_slot(revision);
    if (found != mvcc::k_no_slot) next_ = found + 1;
    return found;
}

}  // namespace kvctl::store
