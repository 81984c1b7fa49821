#include "kvctl/store/kine/kine_limits.hpp"

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"

namespace kvctl::store {

KineLimits KineLimits::of(const mvcc::TreeIndex& index, const mvcc::SlotSet* without) {
    KineLimits limits;
    std::optional<mvcc::Revision> before;
    index.for_each_row(0, index.slot_end(), [&](mvcc::Slot s) {
        if (without != nullptr && without->contains(s)) return;
        const mvcc::KeyId key = index.key_of(s);
        if (key >= mvcc::k_gap_key) return;
        if (index.key(key).empty()) {
            ++limits.markers;
            return;
        }
        const mvcc::Revision r = index.revision(s);
        if (before && before->main == r.main) {
            if (!limits.first_shared) limits.first_shared = before;
            ++limits.shared;
        }
        before = r;
        if (!limits.gap_key && index.key(key).starts_with("gap-")) limits.gap_key = index.key(key);
    });
    return limits;
}

void KineLimits::check(const std::string& path, bool renumber) const {
    if (gap_key) {
        throw Error(ErrorKind::refused, path + ": the key '" + escape(*gap_key) +
                                            "' begins as kine's rows for missing revisions do: a kine table "
                                            "cannot hold it");
    }
    if (!first_shared || renumber) return;
    throw Error(ErrorKind::refused,
                path + ": revision " + std::to_string(first_shared->main) + "." +
                    std::to_string(first_shared->sub) + ": is one of several keys written in one revision (" +
                    std::to_string(shared) +
                    " such rows in all), and kine holds one row a revision; --renumber gives each its own");
}

}  // namespace kvctl::store
