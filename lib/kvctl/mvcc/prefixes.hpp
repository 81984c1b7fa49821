#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/mvcc/tree_index.hpp"

namespace kvctl::mvcc {

/// Distinct prefixes of an index's keys: a number a key, a name a number. Names are views into the index.
struct PrefixTable {
    std::vector<std::uint32_t> of_key;
    std::vector<std::string_view> names;
};

/// Groups keys by `prefix(key)`, which must return a leading part of its argument.
[[nodiscard]] PrefixTable group_by_prefix(const TreeIndex& index,
                                          std::string_view (*prefix)(std::string_view));

/// "/registry/pods/" of "/registry/pods/ns/name": up to the second slash after a leading one, else the part
/// before the first slash, else the whole key.
[[nodiscard]] std::string_view prefix_of(std::string_view key) noexcept;

/// What a compaction takes from the keys under a prefix.
struct PrefixUsage {
    std::string prefix;
    std::uint64_t keys = 0;
    std::uint64_t revisions = 0;
    std::uint64_t removed_revisions = 0;
    std::uint64_t removed_bytes = 0;
    friend bool operator==(const PrefixUsage&, const PrefixUsage&) = default;
};

struct PrefixList {
    std::vector<PrefixUsage> largest;
    bool truncated = false;  ///< there are more
};

/// The prefixes that a plan takes most bytes from, at most `most`; of those alike by name. Prefixes that only
/// markers have are none.
[[nodiscard]] PrefixList largest_prefixes(const TreeIndex& index, const CompactionPlan& plan,
                                          std::size_t most = 20);

}  // namespace kvctl::mvcc
