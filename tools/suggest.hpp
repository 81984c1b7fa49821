#pragma once
#include <optional>
#include <string_view>
#include <vector>

namespace kvctl::cli {

/// The candidate somebody who typed `word` most likely meant: one that begins with it, else the one fewest
/// edits away, if that is close at all.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view word,
                                                      const std::vector<std::string_view>& candidates);

}  // namespace kvctl::cli
