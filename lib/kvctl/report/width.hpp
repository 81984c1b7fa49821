#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace kvctl::report {

/// Columns that a text takes on a terminal: two for wide characters, none for those that combine with the one
/// before (wcwidth), and none for colours.
[[nodiscard]] std::size_t display_width(std::string_view text) noexcept;

/// The text cut in its middle so that it takes at most `columns`: "/registry/pods/…/web-0"; `ascii`: with
/// ".." for what a terminal without UTF-8 cannot show. What fits stays as it is.
[[nodiscard]] std::string shorten_middle(const std::string& text, std::size_t columns, bool ascii = false);

}  // namespace kvctl::report
