#include "kvctl/store/bbolt/bucket_changes.hpp"

#include <memory>

#include "kvctl/base/proto.hpp"
#include "kvctl/store/slot_cursor.hpp"

namespace kvctl::store {

bool is_nospace(std::string_view alarm) {
    constexpr std::uint64_t k_nospace = 1;
    std::uint64_t type = 0;
    proto::Reader r(alarm);
    while (r.next()) {
        if (r.field() == 2) type = r.number();
    }
    return !r.bad() && type == k_nospace;
}

BucketChanges changes_of(std::string_view bucket, const RebuildChanges& changes, std::uint64_t* rows) {
    BucketChanges c;
    if (bucket == "key" && changes.compacts()) {
        c.leaves_out = [plan = changes.plan, rows,
                        cursor = std::make_shared<SlotCursor>(*changes.index)](std::string_view key) {
            const auto at = mvcc::decode_revision(key);
            const mvcc::Slot slot = at ? cursor->at(at->revision) : mvcc::k_no_slot;
            if (slot == mvcc::k_no_slot) return false;
            if (plan->removed_slots.contains(slot)) return true;
            if (rows != nullptr) ++*rows;
            return false;
        };
    }
    if (bucket == "meta" && changes.compacts()) {
        const mvcc::EncodedRevision revision({changes.plan->compacted_after.value(), 0}, false);
        for (const char* const name : {"scheduledCompactRev", "finishedCompactRev"})
            c.set.emplace(name, revision.bytes());
    }
    if (bucket == "alarm" && changes.disarm) c.leaves_out = is_nospace;
    return c;
}

}  // namespace kvctl::store
