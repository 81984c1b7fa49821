#pragma once
#include <memory>
#include <optional>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/base/strong.hpp"
#include "kvctl/jobs/opened_store.hpp"
#include "kvctl/mvcc/usage.hpp"
#include "kvctl/report/usage_report.hpp"

namespace kvctl::jobs {

struct UsageRequest {
    mvcc::UsageRequest what;
    /// "prefix", "resource", "kind", "namespace", "manager", "encryption" (row_groups.hpp), or "bucket".
    std::string by = "prefix";
    std::optional<MainRevision> rev{};  ///< nullopt: the current one
};

struct UsageResult {
    std::unique_ptr<const mvcc::TreeIndex> index;
    std::unique_ptr<const mvcc::CompactionPlan> plan;
    std::unique_ptr<const mvcc::UsageReport> usage;  ///< what the report's lists are
    report::DuReport report;
};

/// The space of a store by what the request says, and what a compaction would free of it. Throws
/// future_revision, and usage for the buckets of a store that has none.
[[nodiscard]] UsageResult usage(OpenedStore& opened, const UsageRequest& request, Progress* progress);

}  // namespace kvctl::jobs
