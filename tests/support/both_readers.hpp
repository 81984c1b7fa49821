#pragma once
#include <string>

#include "kvctl/store/store.hpp"

namespace kvctl::test {

/// What two readings of one store came to.
struct BothReaders {
    bool from_pages = false;  ///< the first one took the table's pages itself
    std::string difference;   ///< from what SQLite reads; empty: none
};

/// Loads a store of an SQLite layout from its pages, where they are as expected, and through SQLite alone.
[[nodiscard]] BothReaders read_both_ways(store::Store& store, const mvcc::CompactionRules& rules);

}  // namespace kvctl::test
