#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "kvctl/base/strong.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "kvctl/report/notes.hpp"

namespace kvctl::report {

/// What replaying a raft log into a store did, or would do.
struct ReplayReport {
    struct Compaction {
        std::optional<LogIndex> index;  ///< nullopt: one that the store had pending
        MainRevision revision;
        std::uint64_t removed = 0;  ///< rows
    };

    StoreFacts store;
    std::string log;
    std::string format;  ///< the log's kind
    bool executed = false;
    LogIndex index_before;
    LogIndex index_after;
    std::optional<Term> term;
    std::optional<LogIndex> last_committed;  ///< of the log; nullopt: it has no hard state
    MainRevision current_before;
    MainRevision current_after;
    MainRevision compacted_before;
    MainRevision compacted_after;
    std::uint64_t entries = 0;
    std::map<std::string, std::uint64_t> requests;  ///< applied entries by kind
    std::map<std::string, std::uint64_t> refused;   ///< of those, without effect, by reason
    std::uint64_t revisions = 0;                    ///< requests that made one
    std::uint64_t puts = 0;                         ///< rows
    std::uint64_t tombstones = 0;                   ///< rows
    std::uint64_t leases_granted = 0;
    std::uint64_t leases_revoked = 0;
    std::uint64_t leases = 0;  ///< afterwards
    std::vector<Compaction> compactions;
    Notes notes;
    std::int64_t duration_ms = 0;
    std::string command;  ///< what would do it; only for a forecast
};

void write_text(std::ostream& out, const ReplayReport& report, const TextStyle& style);
/// kvctl.replay/1.
void write_json(std::ostream& out, const ReplayReport& report);
void write_jsonl(std::ostream& out, const ReplayReport& report);

}  // namespace kvctl::report
