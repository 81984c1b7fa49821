#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

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

}  // namespace kvctl::mvcc
