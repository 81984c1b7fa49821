#include "kvctl/report/spans.hpp"

#include <cstdlib>

#include "kvctl/base/format.hpp"

namespace kvctl::report {

std::string span_text(std::int64_t microseconds) {
    const std::int64_t seconds = std::abs(microseconds) / 1'000'000;
    const auto pair = [](std::int64_t large, const char* large_unit, std::int64_t small,
                         const char* small_unit) {
        return small == 0 ? fmt::format("{} {}", large, large_unit)
                          : fmt::format("{} {} {} {}", large, large_unit, small, small_unit);
    };
    if (seconds < 120) return fmt::format("{} s", seconds);
    if (seconds < std::int64_t{2} * 3600) return fmt::format("{} min", seconds / 60);
    if (seconds < std::int64_t{2} * 86'400) return pair(seconds / 3600, "h", seconds / 60 % 60, "min");
    return pair(seconds / 86'400, "d", seconds / 3600 % 24, "h");
}

}  // namespace kvctl::report
