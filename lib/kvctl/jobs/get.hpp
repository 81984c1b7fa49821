#pragma once
#include <memory>
#include <optional>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/jobs/opened_store.hpp"
#include "kvctl/mvcc/range_read.hpp"
#include "kvctl/report/get_report.hpp"

namespace kvctl::jobs {

struct GetRequest {
    mvcc::RangeRequest range;          ///< `at` 0: the current revision
    std::optional<std::string> key{};  ///< when it is about one key
};

struct GetResult {
    std::unique_ptr<const mvcc::TreeIndex> index;
    std::unique_ptr<const mvcc::RangeResult> range;  ///< what the report lists
    report::GetReport report;                        ///< reads from the store while it is written
};

/// Reads keys at a revision, as etcd answers a range request. Throws future_revision and compacted.
[[nodiscard]] GetResult get(OpenedStore& opened, const GetRequest& request, Progress* progress);

}  // namespace kvctl::jobs
