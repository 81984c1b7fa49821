#pragma once
#include <ostream>

#include "kvctl/mvcc/usage.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "kvctl/report/notes.hpp"

namespace kvctl::report {

/// What `kvctl du` says.
struct DuReport {
    StoreFacts store;
    const mvcc::UsageReport* usage = nullptr;
    const mvcc::CompactionPlan* plan = nullptr;
    std::string under;
    Notes notes;
};

void write_text(std::ostream& out, const DuReport& report, const TextStyle& style);
void write_json(std::ostream& out, const DuReport& report);
/// A line a prefix, a line a key, then the summary.
void write_jsonl(std::ostream& out, const DuReport& report);

}  // namespace kvctl::report
