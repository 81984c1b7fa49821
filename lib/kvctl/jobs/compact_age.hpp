#pragma once
#include "kvctl/base/progress.hpp"
#include "kvctl/jobs/compact.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "kvctl/report/notes.hpp"

namespace kvctl::jobs {

/// A compaction by age as one to a revision: the newest one that is sure to be so long before the newest time
/// in the store. Where all of the store is younger there is nothing to do.
struct ByAge {
    CompactRequest request;     ///< with that target
    report::TargetTime target;  ///< its time
    report::Notes notes;        ///< what is to be said of the clock
};

/// Reads the store's values once. Throws refused when there is no clock in them.
[[nodiscard]] ByAge find_age(const CompactRequest& request, Progress* progress);

}  // namespace kvctl::jobs
