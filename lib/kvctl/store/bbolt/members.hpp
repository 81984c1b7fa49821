#pragma once
#include <cstddef>

#include "kvctl/store/bbolt/bbolt.hpp"

namespace kvctl::store {

/// How many members the cluster has that a db is of, by its bucket "members"; learners count.
[[nodiscard]] std::size_t member_count(const BboltStore& store);

}  // namespace kvctl::store
