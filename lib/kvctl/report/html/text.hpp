#pragma once
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

// Words of an HTML page. Everything that comes from a store goes through here. Not installed.
namespace kvctl::report::html {

/// Text as it may stand between tags and in quoted attributes: control characters and bytes that are not
/// UTF-8 as a terminal would get them (kvctl::escape), then HTML's own characters as entities.
[[nodiscard]] std::string text(std::string_view bytes);

/// At most about `most` characters: what is longer loses its middle.
[[nodiscard]] std::string shortened(std::string_view key, std::size_t most);

/// A number of a chart's geometry, with a decimal point whatever the locale, at most two places.
[[nodiscard]] std::string decimal(double value);
/// A share of a whole in percent: "12 %", "0.4 %".
[[nodiscard]] std::string percent(double part, double whole);

struct Column {
    enum class Kind { words, number, code };
    std::string head;
    Kind kind = Kind::words;
};

/// A table with a caption, in a region that scrolls by itself where it is wider than the screen. Cells are
/// plain text; the first one of a row is its heading.
void write_table(std::ostream& out, std::string_view id, std::string_view caption,
                 const std::vector<Column>& columns, const std::vector<std::vector<std::string>>& rows);

}  // namespace kvctl::report::html
