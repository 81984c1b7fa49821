#pragma once
#include <memory>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/jobs/local_clock.hpp"
#include "kvctl/jobs/opened_store.hpp"
#include "kvctl/report/history_report.hpp"

namespace kvctl::jobs {

struct HistoryResult {
    std::unique_ptr<LocalClock> clock;  ///< that the report asks
    report::HistoryReport report;       ///< reads from the store while it is written
};

/// Every stored revision of a key, by generation.
[[nodiscard]] HistoryResult history(OpenedStore& opened, const std::string& key, Progress* progress);

}  // namespace kvctl::jobs
