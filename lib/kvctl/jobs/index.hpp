#pragma once
#include <memory>
#include <optional>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/base/strong.hpp"
#include "kvctl/jobs/opened_store.hpp"
#include "kvctl/mvcc/tree_index.hpp"
#include "kvctl/report/index_report.hpp"

namespace kvctl::jobs {

struct IndexResult {
    std::unique_ptr<mvcc::TreeIndex> tree;       ///< what the report's keys are views of
    std::unique_ptr<mvcc::TreeIndex> compacted;  ///< as well, where there is one
    report::IndexReport report;
};

/// The keyIndex tree, or one key's; with `rev` as a compaction to it would leave it.
[[nodiscard]] IndexResult index(OpenedStore& opened, const std::optional<std::string>& key,
                                std::optional<MainRevision> rev, Progress* progress);

}  // namespace kvctl::jobs
