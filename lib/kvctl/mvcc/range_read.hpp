#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/mvcc/tree_index.hpp"

namespace kvctl::mvcc {

/// etcd's RangeRequest, as far as it can be asked of a store at rest.
struct RangeRequest {
    enum class Order { none, ascend, descend };
    enum class Target { key, version, create, modify, value };

    std::string key;
    std::optional<std::string> end;  ///< exclusive; absent: only `key`; empty: all from `key` on
    MainRevision at;
    std::uint64_t limit = 0;  ///< 0: none
    Order order = Order::none;
    Target target = Target::key;
};

struct RangeRow {
    KeyId key = 0;
    Revision modified;
    std::int64_t created = 0;
    std::int64_t version = 0;
};

struct RangeResult {
    std::vector<RangeRow> rows;
    std::uint64_t count = 0;  ///< keys in the range, whatever the limit
    bool more = false;        ///< the limit left some out
};

/// Answers a request as an etcd server does, its odd corner included: without an order, the limit is taken in
/// key order before any sorting. `value_of` is called for a sort by value, once a row.
[[nodiscard]] RangeResult read_range(const TreeIndex& index, const RangeRequest& request,
                                     const std::function<std::string(Revision)>& value_of);

/// The end of the range of all keys that begin with `prefix`: its successor, or empty (all from it on) when
/// there is none.
[[nodiscard]] std::string prefix_end(std::string prefix);

}  // namespace kvctl::mvcc
