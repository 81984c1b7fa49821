#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kvctl/store/store.hpp"

namespace kvctl::fuzz {

/// A row of a revision table as SQLite alone reads it, without anything of kvctl's.
struct PlainRow {
    std::pair<std::int64_t, std::int64_t> revision;
    bool tombstone = false;
    bool ill_typed = false;  ///< a revision, key or tombstone of a type that the layout does not have
    std::string key;
    std::string value;
    friend bool operator==(const PlainRow&, const PlainRow&) = default;
};

struct PlainStore {
    bool kine = false;
    std::vector<PlainRow> rows;  ///< by revision; rows that hold the compact revision left out
    std::size_t compact_rows = 0;

    /// Values of the keys whose newest row is no tombstone. Ill-typed rows take no part, nor does revision 0
    /// of a native store, which a server passes over.
    [[nodiscard]] std::map<std::string, std::string> live() const;
};

/// Reads the layout's table from end to end, without its indexes. nullopt: SQLite cannot, or there is no such
/// table.
/// An ordinary file lies at `path`; it and its -wal are not changed.
[[nodiscard]] std::optional<PlainStore> read_plain(const std::string& path, store::Layout layout);

/// SQLite's own integrity_check says "ok".
[[nodiscard]] bool plain_sound(const std::string& path);

}  // namespace kvctl::fuzz
