#include "kvctl/store/etcd_facts.hpp"

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {

std::string EtcdFacts::Alarm::text() const {
    const std::string id = hex(member);
    if (foreign) {
        return fmt::format("{} of member {}, which is no member: left by the cluster restored from", type,
                           id);
    }
    return fmt::format("{} of member {}", type, name.empty() ? id : fmt::format("{} ({})", name, id));
}

std::string StoreHead::pending_text() const {
    const MainRevision at = scheduled.value_or(MainRevision{0});
    if (marked_by_restore)
        return fmt::format("a restore marked revision {}; the server carries it out at its first start", at);
    return fmt::format("a compaction to revision {} was cut short", at);
}

}  // namespace kvctl::store
