#pragma once
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "kvctl/kube/timeline.hpp"
#include "kvctl/mvcc/explain.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "kvctl/report/notes.hpp"

namespace kvctl::report {

/// What `kvctl explain` says; the plan and the index stay the caller's.
struct ExplainReport {
    std::optional<std::string> key;  ///< asked for by key
    std::optional<std::string> at;   ///< asked for by revision, as given
    const mvcc::TreeIndex* index = nullptr;
    const mvcc::CompactionPlan* plan = nullptr;
    std::vector<mvcc::Explained> rows;
    std::vector<std::optional<kube::Timeline::At>> times;  ///< of the rows, where known; may be shorter
    Notes notes;
};

void write_text(std::ostream& out, const ExplainReport& report, const TextStyle& style);
void write_json(std::ostream& out, const ExplainReport& report);
/// A line a revision, then the summary.
void write_jsonl(std::ostream& out, const ExplainReport& report);

}  // namespace kvctl::report
