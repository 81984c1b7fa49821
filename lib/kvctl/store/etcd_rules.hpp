#pragma once
#include <optional>
#include <string>

#include "kvctl/mvcc/rules.hpp"
#include "kvctl/mvcc/tree_index.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {

/// The rules a store is read and compacted by.
struct RuleChoice {
    mvcc::CompactionRules rules;
    bool known = true;  ///< asked for, or told by the store, and not merely what is taken without
    /// The store was written by a release some of whose patch releases follow the other rule.
    bool left_open = false;
};

/// What was asked for; else by the release that wrote the store (etcd.md 0), classic where nothing tells.
/// Those of a layout that leaves no choice are its own, and asking for others throws usage.
[[nodiscard]] RuleChoice choose_rules(Store& store, const std::optional<mvcc::CompactionRules>& asked);

/// A line with both outcomes where the choice was left open and a tombstone stands exactly at `at`.
[[nodiscard]] std::optional<std::string> both_outcomes(const RuleChoice& choice, const mvcc::TreeIndex& index,
                                                       MainRevision at);

}  // namespace kvctl::store
