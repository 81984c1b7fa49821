#include "kvctl/raft/belonging.hpp"

#include <algorithm>
#include <utility>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"

namespace kvctl::raft {

Belonging::Belonging(Store store, const Log& log) : store_(std::move(store)), log_(log) {}

void Belonging::see(const EntryView& entry, RequestKind kind) {
    if (std::exchange(first_, false)) whole_ = entry.index == LogIndex{1} && !log_.restored;
    // What is missing or cannot be read may have been anything.
    if (entry.index > last_) writes_ += missing_before(entry.index);
    last_ = entry.index;
    switch (kind) {
        case RequestKind::put:
        case RequestKind::delete_range:
        case RequestKind::txn:
        case RequestKind::lease_revoke:
        case RequestKind::unknown:
        case RequestKind::undecodable:
            if (entry.index <= store_.applied) ++writes_;
            break;
        case RequestKind::conf_change: {
            // A cluster's first entries, of term 1, name its founders; only a later one adds a member.
            const auto change = decode_conf_change(entry.data);
            joins_ = joins_ || (change && entry.index > store_.members_at && entry.term > Term{1} &&
                                change->node_id == log_.member_id);
            break;
        }
        default:
            break;
    }
}

// Applied entries between the last one seen and `index`.
std::int64_t Belonging::missing_before(LogIndex index) const noexcept {
    const std::uint64_t end = std::min(index.value(), store_.applied.value() + 1);
    return end > last_.value() + 1 ? static_cast<std::int64_t>(end - last_.value() - 1) : 0;
}

std::optional<std::string> Belonging::fault() const {
    if (log_.cluster_id && store_.cluster_id && *log_.cluster_id != *store_.cluster_id) {
        return fmt::format("is the log of cluster {}, the store is of cluster {}", hex(*log_.cluster_id),
                           hex(*store_.cluster_id));
    }
    if (log_.member_id && !store_.members.empty() && !store_.members.contains(*log_.member_id) && !joins_) {
        return fmt::format("is the log of member {}, which is none of the store's members",
                           hex(*log_.member_id));
    }
    const std::int64_t writes = writes_ + missing_before(LogIndex{store_.applied.value() + 1});
    if (whole_ && store_.current.value() > 1 + writes) {
        return fmt::format(
            "has {} {} up to the store's consistent index {} that can have made a revision, but the store is "
            "at revision {}",
            writes, writes == 1 ? "request" : "requests", store_.applied, store_.current);
    }
    return std::nullopt;
}

}  // namespace kvctl::raft
