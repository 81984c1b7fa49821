#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "kvctl/base/finding.hpp"
#include "kvctl/raft/entry.hpp"
#include "kvctl/raft/layout.hpp"

namespace kvctl::raftlog {

enum class SourceKind {
    table,      ///< `raft_entry` of a native store
    jsonl,      ///< kvctl.raftlog/1, or raftpb entries as Go prints them
    dump_text,  ///< etcd-dump-logs: requests as text, no data
    dump_raw,   ///< etcd-dump-logs --raw: every record, data complete
    wal,        ///< a member/wal directory
    dqlite,     ///< segments of a dqlite data directory
};
/// "store", "jsonl", "dump-logs", "dump-logs-raw", "wal", "dqlite".
[[nodiscard]] std::string_view name_of(SourceKind kind) noexcept;

/// What a source says about its log besides the entries.
struct Header {
    SourceKind kind = SourceKind::jsonl;
    std::string path;                     ///< what is read: the file, or the wal directory
    raft::Dummy snapshot;                 ///< the position before the first entry
    bool snapshot_stored = false;         ///< false: no record says so, it follows from the first entry
    bool expect_snapshot_record = false;  ///< this kind of source always holds one
    std::optional<raft::SnapshotMeta> newest_snapshot;  ///< what a starting server would load (wal, dump_raw)
    std::optional<raft::HardState> hard_state;
    std::optional<std::uint64_t> node_id;
    std::optional<std::uint64_t> cluster_id;
    std::optional<LogIndex> consistent_index;  ///< of the store the log lies in (table)
    bool filtered = false;                     ///< entries were left out on purpose when the dump was made
    bool has_data = true;                      ///< false: requests are known by text only
};

/// One entry as a source hands it out; valid during the call only.
struct Item {
    raft::EntryFacts facts;
    std::string_view data;      ///< with Want::data; empty where the source has none
    bool data_present = false;  ///< with Want::data
    std::string_view text;      ///< dump_text: the request as printed; dqlite: what it is about

    [[nodiscard]] raft::EntryView entry() const noexcept {
        return {facts.index, facts.term, facts.type, data, data_present};
    }
};

/// Data costs a second reading in some sources; most reports do without.
enum class Want { facts, data };

/// A raft log opened for reading. Memory does not grow with the entries' data.
class Source {
  public:
    Source() = default;
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;
    virtual ~Source() = default;

    [[nodiscard]] virtual const Header& header() const = 0;

    /// Calls `f` for every entry in log order until it returns false. May be called again. Throws `damaged`
    /// where reading cannot go on, `io`, `interrupted`.
    virtual void each(Want want, const std::function<bool(const Item&)>& f) = 0;

    /// Damage seen so far; complete once each() has run to its end.
    [[nodiscard]] virtual Findings findings() const = 0;
};

}  // namespace kvctl::raftlog
