#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Rows on single pages of an SQLite database, read without the tree above them. Not installed.
namespace kvctl::store {

/// A value of a record: NULL, an integer or real, text, a blob.
struct LeafValue {
    enum class Type { null, integer, real, text, blob } type = Type::null;
    std::int64_t integer = 0;
    std::string bytes{};
};

struct LeafRow {
    std::int64_t rowid = 0;
    std::vector<LeafValue> values;
};

/// Hands out a page by its number; nullopt where it is not to be had.
using PageSource = std::function<std::optional<std::string_view>(std::uint32_t page)>;

/// The rows on a leaf of a table; none where `page` is no such leaf. A row that does not lie whole in its
/// page and the overflow pages that `source` has is left out, and counted.
struct LeafRows {
    std::vector<LeafRow> rows;
    std::uint64_t incomplete = 0;
};
[[nodiscard]] LeafRows read_leaf(std::string_view page, const PageSource& source);

}  // namespace kvctl::store
