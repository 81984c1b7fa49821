#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/base/strong.hpp"
#include "kvctl/jobs/opened_store.hpp"
#include "kvctl/report/explain_report.hpp"

namespace kvctl::jobs {

/// What was written at a revision: at all of its subs, or at one.
struct WrittenAt {
    MainRevision main;
    std::optional<std::int64_t> sub{};
};

/// About a key, or about what was written at a revision: one of the two.
struct ExplainRequest {
    std::optional<std::string> key{};
    std::optional<WrittenAt> at{};
    std::optional<MainRevision> rev{};  ///< the compaction; nullopt: one at the current revision
};

struct ExplainResult {
    std::unique_ptr<const mvcc::TreeIndex> index;
    std::unique_ptr<const mvcc::CompactionPlan> plan;  ///< what the report's rows are of
    report::ExplainReport report;                      ///< its `at` is the caller's to fill in
};

/// What a compaction would do with each revision, and why. Throws future_revision.
[[nodiscard]] ExplainResult explain(OpenedStore& opened, const ExplainRequest& request, Progress* progress);

}  // namespace kvctl::jobs
