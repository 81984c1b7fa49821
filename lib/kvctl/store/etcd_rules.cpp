#include "kvctl/store/etcd_rules.hpp"

#include "kvctl/base/error.hpp"

namespace kvctl::store {

RuleChoice choose_rules(Store& store, const std::optional<mvcc::CompactionRules>& asked) {
    if (const std::optional<mvcc::CompactionRules>& own = store.traits().own_rules) {
        if (!asked) return {*own};
        throw usage_error(store.info().path + ": a " + std::string(name_of(store.info().layout)) +
                          " store follows " + std::string(mvcc::name_of(own->tombstones)) +
                          "'s rule; --tombstones and --etcd-version are for etcd's layouts");
    }
    if (asked) return {*asked};
    if (const auto release = store.release())
        return {mvcc::rules_of_release(*release), true, !mvcc::release_decides(*release)};
    // An etcd db that does not say who wrote it was written by somebody all the same.
    return {mvcc::classic_rules(), false, store.info().layout == Layout::bbolt};
}

std::optional<std::string> both_outcomes(const RuleChoice& choice, const mvcc::TreeIndex& index,
                                         MainRevision at) {
    if (!choice.left_open) return std::nullopt;
    std::uint64_t tombstones = 0;
    index.for_each_row(index.lower_bound(at), index.upper_bound(at),
                       [&](mvcc::Slot s) { tombstones += index.is_tombstone(s) ? 1 : 0; });
    if (tombstones == 0) return std::nullopt;
    const bool one = tombstones == 1;
    const bool keeps = choice.rules.tombstones == mvcc::CompactionRules::Tombstones::keep_at_rev;
    const std::string stays = one ? "stays" : "stay";
    const std::string goes = one ? "goes" : "go";
    const std::string newer = " etcd 3.4.34, 3.5.16 and newer";
    const std::string older = " older releases";
    return (one ? std::string("a tombstone stands") : std::to_string(tombstones) + " tombstones stand") +
           " exactly at revision " + std::to_string(at.value()) + " and " +
           (keeps ? stays + ", as in" + newer + "; in" + older + (one ? " it " : " they ") + goes +
                        " (--tombstones classic)"
                  : goes + ", as in" + older + "; in" + newer + (one ? " it " : " they ") + stays +
                        " (--tombstones keep-at-rev)") +
           ": the store does not tell which of them wrote it";
}

}  // namespace kvctl::store
