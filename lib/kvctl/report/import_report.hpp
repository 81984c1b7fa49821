#pragma once
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "kvctl/base/strong.hpp"
#include "kvctl/raft/entry.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "kvctl/report/notes.hpp"

namespace kvctl::report {

/// A store built from something else.
struct ImportReport {
    struct Log {
        raft::SnapshotMeta snapshot;
        std::uint64_t entries = 0;
        std::optional<LogIndex> last_index;
    };

    std::string source;
    std::string source_kind;  ///< "native", "kine", "bbolt" or "history"
    std::uint64_t source_bytes = 0;
    StoreFacts store;  ///< the new one
    MainRevision current{1};
    MainRevision compacted{-1};
    std::uint64_t revisions = 0;
    std::uint64_t tombstones = 0;
    std::uint64_t bytes = 0;  ///< keys and values
    std::uint64_t leases = 0;
    std::optional<Log> log;
    /// Of a store that was salvaged: mains, both ends included, of which something is missing; nullopt where
    /// that is not known.
    struct Lost {
        std::optional<std::int64_t> from;
        std::optional<std::int64_t> to;
        std::vector<std::string> keys;  ///< that are known to be incomplete
    };
    bool salvaged = false;
    std::vector<Lost> lost;
    Notes notes;
    std::int64_t duration_ms = 0;
};

void write_text(std::ostream& out, const ImportReport& report, const TextStyle& style);
/// kvctl.import/1.
void write_json(std::ostream& out, const ImportReport& report);
void write_jsonl(std::ostream& out, const ImportReport& report);

}  // namespace kvctl::report
