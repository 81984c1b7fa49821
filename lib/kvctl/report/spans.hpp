#pragma once
#include <cstdint>
#include <string>

namespace kvctl::report {

/// A span of time for people, from microseconds: "8 s", "5 min", "3 h 20 min", "12 d 4 h".
[[nodiscard]] std::string span_text(std::int64_t microseconds);

}  // namespace kvctl::report
