#include "kvctl/store/etcd_facts.hpp"

#include "kvctl/base/bytes.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {

std::string EtcdFacts::Alarm::text() const {
    const std::string id = hex(member);
    if (foreign) return type + " of member " + id + ", which is no member: left by the cluster restored from";
    return type + " of member " + (name.empty() ? id : name + " (" + id + ")");
}

std::string StoreHead::pending_text() const {
    const std::string at = std::to_string(scheduled.value_or(MainRevision{0}).value());
    if (marked_by_restore)
        return "a restore marked revision " + at + "; the server carries it out at its first start";
    return "a compaction to revision " + at + " was cut short";
}

}  // namespace kvctl::store
