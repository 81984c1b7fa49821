#include "kvctl/report/times_text.hpp"

#include <nlohmann/json.hpp>

#include "kvctl/base/format.hpp"
#include "kvctl/report/spans.hpp"

namespace kvctl::report {

std::int64_t seconds_up(std::int64_t microseconds) noexcept {
    return (microseconds + kube::k_second - 1) / kube::k_second;
}

void put_time(Json& j, std::optional<kube::Time> time, std::optional<std::int64_t> error) {
    if (!time) return;
    j["time"] = kube::format_time(*time);
    j["error_seconds"] = error ? Json(seconds_up(*error)) : Json(nullptr);
}

std::string time_text(std::optional<kube::Time> time, std::optional<std::int64_t> error) {
    if (!time) return "-";
    if (error && *error < kube::k_second) return kube::format_time(*time);
    return fmt::format("about {}{}", kube::format_time(*time),
                       error ? fmt::format(" ({})", span_text(*error)) : "");
}

}  // namespace kvctl::report
