#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "kvctl/kube/times.hpp"
#include "kvctl/report/json_parts.hpp"

// Times of revisions in reports. Not installed.
namespace kvctl::report {

/// Adds `time` and `error_seconds` where the time is known. `error` is in microseconds; nullopt, and null, is
/// an unknown one.
void put_time(Json& j, std::optional<kube::Time> time, std::optional<std::int64_t> error);

/// "2026-11-20T08:00:00Z", "about 2026-11-20T08:00:00Z (8 s)", or "-".
[[nodiscard]] std::string time_text(std::optional<kube::Time> time, std::optional<std::int64_t> error);

/// Whole seconds, rounded up: an error is never smaller than said.
[[nodiscard]] std::int64_t seconds_up(std::int64_t microseconds) noexcept;

}  // namespace kvctl::report
