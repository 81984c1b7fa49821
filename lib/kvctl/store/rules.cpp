#include "kvctl/base/error.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {

mvcc::CompactionRules rules_for(const Store& store, const std::optional<mvcc::CompactionRules>& asked) {
    const std::optional<mvcc::CompactionRules>& own = store.traits().own_rules;
    if (own && asked) {
        throw Error(ErrorKind::usage, store.info().path + ": a " + std::string(name_of(store.info().layout)) +
                                          " store follows " + std::string(mvcc::name_of(own->tombstones)) +
                                          "'s rule; --tombstones and --etcd-version are for etcd's layouts");
    }
    return own.value_or(asked.value_or(mvcc::classic_rules()));
}

}  // namespace kvctl::store
