#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/base/strong.hpp"
#include "kvctl/mvcc/rules.hpp"
#include "kvctl/report/store_report.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::jobs {

struct StoreReportRequest {
    std::string path;
    store::OpenOptions open{};
    std::optional<mvcc::CompactionRules> rules{};  ///< nullopt: the store's own
    std::optional<std::string> wal_dir{};          ///< where the log of an etcd db lies elsewhere

    /// Of the compaction that is foretold; neither: as many as the server itself keeps.
    std::optional<MainRevision> rev{};
    std::optional<std::uint64_t> keep_last{};
};

/// Gathers what the inspecting commands know of a store, reading it once for each. What a damaged store does
/// not give is left out, and said; throws as open_store() does, and future_revision.
[[nodiscard]] report::StoreReport gather_report(const StoreReportRequest& request, Progress* progress);

}  // namespace kvctl::jobs
