#pragma once
#include <optional>
#include <set>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/mvcc/rules.hpp"
#include "kvctl/report/diff_report.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::jobs {

struct DiffRequest {
    std::string path_a;
    std::string path_b;
    store::OpenOptions open;
    std::optional<mvcc::CompactionRules> rules;
    std::optional<MainRevision> revision_a;  ///< nullopt: the smaller of the two current revisions
    std::optional<MainRevision> revision_b;
    std::set<std::string> ignored;  ///< of what may differ: "lease", "version", …
    bool values = false;            ///< sizes, and the fields of Kubernetes objects that differ
};

/// Compares what a reader gets at two revisions, key by key; values are read one pair at a time. The store
/// may be the same one twice. Throws as open_store() does, future_revision and compacted.
[[nodiscard]] report::DiffReport diff_stores(const DiffRequest& request, Progress* progress);

}  // namespace kvctl::jobs
