#pragma once
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kvctl/base/strong.hpp"

namespace kvctl::kube {

/// Microseconds since 1970, UTC.
using Time = Strong<struct KubeTimeTag, std::int64_t>;

inline constexpr std::int64_t k_second = 1'000'000;

/// From a message {seconds 1, nanos 2}; nullopt: the message is empty, which is no time, malformed, or
/// outside of the years 1 to 9999.
[[nodiscard]] std::optional<Time> decode_time(std::string_view message) noexcept;

/// RFC 3339 in any zone, fractions of a second down to microseconds: "2026-11-20T08:00:00Z". Lenient as
/// people write it: the seconds, and the zone (then UTC), may be missing, and so may the time of day.
[[nodiscard]] std::optional<Time> parse_time(std::string_view text) noexcept;

/// "2026-11-20T08:00:00Z": rounded down to whole seconds.
[[nodiscard]] std::string format_time(Time time);
/// "2026-11-20T08:00:00.000000Z", as MicroTime has it in JSON.
[[nodiscard]] std::string format_micro_time(Time time);

/// "1h30m0s", as Go prints a duration.
[[nodiscard]] std::string format_duration(std::int64_t nanoseconds);

}  // namespace kvctl::kube
