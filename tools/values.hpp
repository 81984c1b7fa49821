#pragma once
#include <chrono>
#include <cstdint>
#include <string_view>

#include "kvctl/base/size_or_percent.hpp"
#include "kvctl/base/strong.hpp"
#include "kvctl/kube/times.hpp"

namespace kvctl::cli {

// Text of an option's value into a number. `option` names it in the message ("--rev"). All throw a usage
// Error.

/// 0 to 2^63-1.
[[nodiscard]] MainRevision parse_revision(std::string_view option, std::string_view text);
/// 0 to 2^64-1.
[[nodiscard]] std::uint64_t parse_u64(std::string_view option, std::string_view text);
/// 0 to 2^63-1.
[[nodiscard]] std::int64_t parse_i64(std::string_view option, std::string_view text);

/// Bytes: "512", "64K", "1.5GiB" (powers of 1024), "10MB" (powers of 1000).
[[nodiscard]] std::uint64_t parse_size(std::string_view option, std::string_view text);

/// A size, or "12.5%" (0 to 100).
[[nodiscard]] SizeOrPercent parse_size_or_percent(std::string_view option, std::string_view text);

/// "500ms", "10s", "2m", "1h"; a bare number is seconds. At most 24 days.
[[nodiscard]] std::chrono::milliseconds parse_duration(std::string_view option, std::string_view text);

/// "36h", "7d", "2w": a span of time between revisions; the unit is needed. In microseconds, at most 1000
/// years.
[[nodiscard]] std::int64_t parse_span(std::string_view option, std::string_view text);

/// "2026-11-20T08:00Z", "2026-11-20": RFC 3339, of which seconds, zone (then UTC) and time of day may be
/// missing.
[[nodiscard]] kube::Time parse_instant(std::string_view option, std::string_view text);

}  // namespace kvctl::cli
