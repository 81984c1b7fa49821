#pragma once
#include <string_view>

namespace kvctl::report::html {

/// The page's style sheet: light and dark as the reader's system has it, and for paper.
[[nodiscard]] std::string_view style_sheet() noexcept;

}  // namespace kvctl::report::html
