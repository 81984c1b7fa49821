#pragma once
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "kvctl/base/finding.hpp"
#include "kvctl/raft/layout.hpp"
#include "kvctl/report/compaction_report.hpp"

namespace kvctl::report {

/// Everything `kvctl raft` and `kvctl raft compact` say about a log but its entries.
struct RaftReport {
    std::string path;    ///< as given
    std::string source;  ///< "store" for a store's own log, else the path
    std::string format;  ///< "wal", "jsonl", …
    raft::Layout layout;
    raft::Counts counts;
    std::optional<raft::SnapshotMeta> newest_snapshot;  ///< what a starting server would load
    /// Of a data directory: what that is up to 3.6 and from 3.7 on; nullopt inside where it does not start.
    struct StartUp {
        std::optional<raft::SnapshotMeta> up_to_3_6;
        std::optional<raft::SnapshotMeta> from_3_7;
    };
    std::optional<StartUp> start_up;
    std::optional<raft::HardState> hard_state;
    std::optional<std::uint64_t> node_id;
    std::optional<std::uint64_t> cluster_id;
    std::optional<LogIndex> consistent_index;
    bool filtered = false;  ///< entries were left out when the dump was made
    std::string read_from;  ///< the file or folder that was read, when it is not `path` itself

    /// Only with a store beside the log.
    struct StoreCheck {
        std::string path;
        MainRevision current;
        MainRevision compacted;
        std::optional<MainRevision>
            logged_compaction;  ///< the largest one that applied entries of the log asked for
    };
    std::optional<StoreCheck> store;
    Findings findings;

    /// Only when the report lists entries.
    std::optional<std::uint64_t> listed;

    /// Only for `raft compact`.
    struct Compaction {
        std::string result;  ///< "compacted" or "already-compacted"
        std::string output;  ///< path of the new log
        raft::CompactedLayout layout;
    };
    std::optional<Compaction> compaction;
};

/// One entry as it is listed.
struct RaftEntry {
    raft::EntryFacts facts;
    std::string detail;  ///< for people: the key, the revision, …; escaped
    std::optional<std::int64_t> revision;
    bool with_revision = false;  ///< a store was asked, so that an absent revision is said to be none
    std::optional<std::uint32_t> pages{};  ///< of databases that the entry writes
};

void write_text(std::ostream& out, const RaftReport& report, const TextStyle& style);
void write_json(std::ostream& out, const RaftReport& report);
/// The last line of JSON Lines: the document above with a type of "summary".
void write_summary_line(std::ostream& out, const RaftReport& report);

/// Column titles, then a line an entry; aligned for indexes of usual size.
void write_entry_titles(std::ostream& out, bool with_revision);
void write_entry_text(std::ostream& out, const RaftEntry& entry);
/// {"type":"entry",…} and a line end.
void write_entry_line(std::ostream& out, const RaftEntry& entry);

/// A JSON document with a list of entries in it: begin, each entry, end.
class RaftDocument {
  public:
    explicit RaftDocument(std::ostream& out) : out_(out) {}
    /// Opens the document and its list.
    void begin();
    void entry(const RaftEntry& entry);
    /// Closes the list and writes the rest of the document.
    void end(const RaftReport& report);

  private:
    std::ostream& out_;
    bool first_ = true;
};

}  // namespace kvctl::report
