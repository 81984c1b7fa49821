#pragma once
#include <map>
#include <ostream>
#include <string>
#include <vector>

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
    std::string by = "prefix";  ///< what the usage's prefixes are names of
    /// By encryption: values that rows keep of those before them, by group.
    struct OldValues {
        std::uint64_t values = 0;
        std::uint64_t bytes = 0;
    };
    std::map<std::string, OldValues> old_values;
    /// Of an etcd db, where asked for; then they take the place of the prefixes.
    struct Bucket {
        std::string name;
        std::uint64_t keys = 0;
        std::uint64_t bytes = 0;  ///< of keys and values
        std::uint64_t pages = 0;  ///< 0: inline, inside the page that names it
    };
    std::vector<Bucket> buckets;
    Notes notes;
};

void write_text(std::ostream& out, const DuReport& report, const TextStyle& style);
void write_json(std::ostream& out, const DuReport& report);
/// A line a prefix, a line a key, then the summary.
void write_jsonl(std::ostream& out, const DuReport& report);

}  // namespace kvctl::report
