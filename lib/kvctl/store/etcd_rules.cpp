#include "kvctl/store/etcd_rules.hpp"

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"

namespace kvctl::store {

RuleChoice choose_rules(Store& store, const std::optional<mvcc::CompactionRules>& asked) {
    if (const std::optional<mvcc::CompactionRules>& own = store.traits().own_rules) {
        if (!asked) return {*own};
        throw usage_error(fmt::format(
            "{}: a {} store follows {}'s rule; --tombstones and --etcd-version are for etcd's layouts",
            store.info().path, name_of(store.info().layout), mvcc::name_of(own->tombstones)));
    }
    if (asked) return {*asked};
    if (const auto release = store.release())
        return {mvcc::rules_of_release(*release), true, !mvcc::release_decides(*release)};
    // An etcd db that does not say who wrote it was written by somebody all the same.
    return {mvcc::classic_rules(), false, store.traits().member};
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
    const std::string stand = one ? "a tombstone stands" : many(tombstones, "tombstone") + " stand";
    const char* const they = one ? "it" : "they";
    const char* const stay = one ? "stays" : "stay";
    const char* const go = one ? "goes" : "go";
    const std::string outcomes =
        keeps ? fmt::format(
                    "{}, as in etcd 3.4.34, 3.5.16 and newer; in older releases {} {} (--tombstones classic)",
                    stay, they, go)
              : fmt::format(
                    "{}, as in older releases; in etcd 3.4.34, 3.5.16 and newer {} {} (--tombstones "
                    "keep-at-rev)",
                    go, they, stay);
    return fmt::format("{} exactly at revision {} and {}: the store does not tell which of them wrote it",
                       stand, at, outcomes);
}

}  // namespace kvctl::store
