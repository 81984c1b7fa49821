#pragma once
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/report/store_report.hpp"

// The pictures of an HTML page: shapes without words of their own, which stand beside them as HTML. All
// are of a bounded number of elements. Not installed.
namespace kvctl::report::html {

/// A part of a bar: its class in the style sheet, and how long it is.
struct Part {
    std::string_view kind;
    std::uint64_t bytes = 0;
};
/// One horizontal bar as long as its parts are of `whole`.
void write_bar(std::ostream& out, std::string_view label, const std::vector<Part>& parts,
               std::uint64_t whole);

/// Columns side by side, the highest as high as the picture. `names` says what each is, for a pointer that
/// rests on it.
void write_columns(std::ostream& out, std::string_view label, const std::vector<double>& heights,
                   const std::vector<std::string>& names);

/// A tile for each name, its lower part as much as is live. `whole` names the list for a screen reader.
void write_treemap(std::ostream& out, std::string_view whole, const std::vector<mvcc::NamedUsage>& parts);

/// The cells of a file, row by row.
void write_pages(std::ostream& out, std::string_view label, const PagePicture& picture);

/// What the colours mean.
void write_legend(std::ostream& out, const std::vector<std::pair<std::string_view, std::string>>& kinds);

}  // namespace kvctl::report::html
