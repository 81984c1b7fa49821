#pragma once
#include <optional>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/mvcc/rules.hpp"
#include "kvctl/report/status_report.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::jobs {

struct StatusRequest {
    std::string path;
    store::OpenOptions open;
    std::optional<mvcc::CompactionRules> rules;  ///< nullopt: the store's own
    std::optional<std::string> wal_dir{};        ///< where the log of an etcd db lies elsewhere
    /// Foretell the file behind a compaction that keeps so many revisions.
    std::optional<std::uint64_t> predict_keeping{};
};

/// What one screen tells of a store: sizes, revisions, counts, who has it open, its raft log, and advice.
[[nodiscard]] report::StatusReport status(const StatusRequest& request, Progress* progress);

}  // namespace kvctl::jobs
