#pragma once
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "kvctl/base/hint.hpp"
#include "kvctl/report/compaction_report.hpp"

namespace kvctl::report {

struct StatusReport {
    StoreFacts store;
    std::uint64_t wal_bytes = 0;
    std::uint64_t journal_bytes = 0;
    std::string journal_mode;  ///< "wal", "rollback", or empty
    std::int64_t current = 0;
    std::int64_t compacted = -1;
    std::optional<std::int64_t> scheduled;
    std::optional<std::int64_t> finished;
    std::optional<std::int64_t> oldest;
    std::uint64_t revisions = 0;
    std::uint64_t tombstones = 0;
    std::uint64_t gaps = 0;
    std::uint64_t keys = 0;
    std::uint64_t live_keys = 0;
    std::uint64_t leases = 0;
    std::uint64_t live_bytes = 0;
    std::uint64_t history_bytes = 0;
    std::uint64_t tombstone_bytes = 0;
    std::uint64_t free_bytes = 0;
    std::optional<LogFacts> raft_log;
    std::optional<std::uint64_t> consistent_index;
    bool pending = false;
    std::vector<std::pair<int, std::string>> in_use_by;  ///< pid and command
    std::vector<std::pair<std::string, std::int64_t>> meta;
    std::vector<Hint> hints;
};

void write_text(std::ostream& out, const StatusReport& report, const TextStyle& style);
/// One store asked for: an object; several: an array of those that could be read.
void write_json(std::ostream& out, const std::vector<StatusReport>& reports, bool several);
void write_jsonl(std::ostream& out, const StatusReport& report);

}  // namespace kvctl::report
