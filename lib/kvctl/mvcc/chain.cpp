#include "kvctl/mvcc/chain.hpp"

#include <vector>

namespace kvctl::mvcc {

ChainAudit audit_chain(const TreeIndex& index, Slot limit, MainRevision compacted) {
    ChainAudit audit;
    audit.referenced = SlotSet(limit);
    // A sound chain always points at the row of the same key seen last: no search, no look at the row itself.
    struct Last {
        std::int64_t main = 0;
        Slot slot = k_no_slot;
    };
    std::vector<Last> last(index.key_count());
    index.for_each_row(0, index.slot_end(), [&](Slot s) {
        const KeyId key = index.key_of(s);
        if (key >= k_gap_key) return;
        const std::int64_t prev = index.prev_revision_of(s);
        const std::int64_t main = index.revision(s).main;
        Last& l = last[key];
        if (prev != 0) {
            Slot target = l.slot;
            if (target == k_no_slot || l.main != prev) {
                target = index.find_slot({prev, 0});
                if (target == k_no_slot) {
                    if (prev > compacted.value()) ++audit.dangling_pointers;
                } else if (index.key_of(target) != key) {
                    ++audit.cross_key_pointers;
                }
                if (prev >= main) ++audit.forward_pointers;
            }
            if (target < limit && s < limit) audit.referenced.insert(target);
        }
        l = {main, s};
    });
    return audit;
}

}  // namespace kvctl::mvcc
