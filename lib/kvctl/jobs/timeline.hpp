#pragma once
#include <optional>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/kube/times.hpp"
#include "kvctl/report/timeline_report.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::jobs {

struct TimelineRequest {
    std::string path;
    store::OpenOptions open;
    std::optional<kube::Time> at;    ///< the newest revision not after it is asked for
    std::optional<MainRevision> of;  ///< its time is asked for
    std::size_t points = 200;        ///< at most so many
    std::size_t stretches = 60;      ///< of a plot, at most
};

/// Lays a store's revisions against time. Throws as open_store() does; refused when there is no clock in the
/// store or `at` lies before it; future_revision for an `of` that is none yet.
[[nodiscard]] report::TimelineReport draw_timeline(const TimelineRequest& request, Progress* progress);

/// The part of a report that a plot needs: the writes between two times, in at most `most` stretches of
/// hours, days or the like. A time line without a time has none.
void draw_stretches(const kube::Timeline& timeline, std::size_t most, report::TimelineReport& report);

}  // namespace kvctl::jobs
