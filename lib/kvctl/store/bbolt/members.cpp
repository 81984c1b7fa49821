#include "kvctl/store/bbolt/members.hpp"

#include "kvctl/base/error.hpp"
#include "kvctl/bbolt/cursor.hpp"
#include "kvctl/store/bbolt/bucket_changes.hpp"

namespace kvctl::store {

std::size_t member_count(const BboltStore& store) {
    const auto bucket = store.file().bucket("members");
    if (!bucket) return 0;
    std::size_t n = 0;
    bbolt::Cursor cursor(store.file(), *bucket);
    for (bool more = cursor.first(); more; more = cursor.next()) ++n;
    return n;
}

bool BboltStore::space_alarm() {
    const auto bucket = file_.bucket("alarm");
    if (!bucket) return false;
    bbolt::Cursor cursor(file_, *bucket);
    for (bool more = cursor.first(); more; more = cursor.next()) {
        if (is_nospace(cursor.key())) return true;
    }
    return false;
}

// Members compacted to different revisions answer transactions that read an old revision differently and
// diverge for ever; so do members one of which has an alarm less than the others.
void BboltStore::check_member_change(const MemberChange& change) {
    const std::size_t members = member_count(*this);
    if (members <= 1) return;
    const std::string who = info_.path + ": is one of " + std::to_string(members) + " members of a cluster; ";
    if (change.disarms) {
        throw Error(ErrorKind::refused,
                    who +
                        "an alarm is part of what all of them hold, and one without it diverges: --disarm is "
                        "for a cluster of one ('etcdctl alarm disarm' works while the alarm is on, as do "
                        "'etcdctl compact' and 'etcdctl defrag')");
    }
    if (!change.in_place || !change.compacts || change.all_members) return;
    throw Error(ErrorKind::refused,
                who +
                    "members compacted to different revisions answer differently and diverge for ever. Stop "
                    "them all and compact each to the same revision with --all-members; or write a new file "
                    "with -o and restore the cluster from it; or compact one, and let the others join anew");
}

}  // namespace kvctl::store
