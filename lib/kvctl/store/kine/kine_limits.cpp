#include "kvctl/store/kine/kine_limits.hpp"

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/mvcc/refusals.hpp"

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
        throw Error(ErrorKind::refused, fmt::format("{}: the key '{}' begins as kine's rows for missing "
                                                    "revisions do: a kine table cannot hold it",
                                                    path, escape(*gap_key)));
    }
    if (!first_shared || renumber) return;
    throw Error(ErrorKind::refused,
                fmt::format("{}: {}: is one of several keys written in one revision ({} in all), "
                            "and kine holds one row a revision; --renumber gives each its own",
                            path, mvcc::revision_text(*first_shared), many(shared, "such row")));
}

}  // namespace kvctl::store
