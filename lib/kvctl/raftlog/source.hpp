#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/raft/commit_watch.hpp"
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

/// What a server that starts on a wal directory begins with.
struct Start {
    std::optional<raft::SnapshotMeta> snapshot;  ///< nullopt: it does not start
    std::string obstacle;                        ///< why not
    friend bool operator==(const Start&, const Start&) = default;
};

/// By release: up to 3.6 the newest sound .snap file that a usable record vouches for, and without one index
/// 0; from 3.7 on the newest usable record, and no .snap file is read.
struct StartUp {
    Start up_to_3_6;
    Start from_3_7;
    std::string folder;              ///< of the .snap files
    std::vector<LogIndex> received;  ///< indexes of the .snap.db files, sent by a leader
};

/// A damaged record that can still be read as an entry.
struct DamagedEntry {
    std::string where;  ///< as in the finding
    LogIndex index;
};

/// What a source says about its log besides the entries.
struct Header {
    SourceKind kind = SourceKind::jsonl;
    std::string path;                     ///< what is read: the file, or the wal directory
    raft::Dummy snapshot;                 ///< the position before the first entry
    bool snapshot_stored = false;         ///< false: no record says so, it follows from the first entry
    bool expect_snapshot_record = false;  ///< this kind of source always holds one
    std::optional<raft::SnapshotMeta>
        newest_snapshot;                ///< what a starting server would load (wal, dump_raw, dqlite);
                                        ///< where `start_up` tells two, that up to 3.6
    std::optional<StartUp> start_up;    ///< of a wal directory with the snap folder beside it
    std::vector<DamagedEntry> damaged;  ///< ascending by place
    std::optional<raft::HardState> hard_state;
    std::optional<std::uint64_t> node_id;
    std::optional<std::uint64_t> cluster_id;
    std::optional<raft::ConfState> members;    ///< as of `members_at`; nullopt: the source does not say
    LogIndex members_at;                       ///< what the entries up to it changed is in `members`
    std::optional<LogIndex> consistent_index;  ///< of the store the log lies in (table)
    bool restored = false;  ///< the log's first snapshot is a restore's: rows came with the db
    bool filtered = false;  ///< entries were left out on purpose when the dump was made
    Findings about;         ///< dqlite: members and snapshots; complete behind each()
    bool has_data = true;   ///< false: requests are known by text only
};

/// One entry as a source hands it out; valid during the call only.
struct Item {
    raft::EntryFacts facts;
    std::string_view data;      ///< with Want::data or of a configuration change; empty where there is none
    bool data_present = false;  ///< of the data
    std::string_view text;      ///< dump_text: the request as printed; dqlite: what it is about
    std::optional<std::uint32_t> pages{};  ///< dqlite: of the databases, in a command that writes some

    [[nodiscard]] raft::EntryView entry() const noexcept {
        return {facts.index, facts.term, facts.type, data, data_present};
    }
};

/// Data costs a second reading in some sources; most reports do without. That of configuration changes, few
/// and short, comes always.
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

/// What a log, and a store that has applied it up to `applied`, say of what is committed.
[[nodiscard]] raft::CommitWatch::Known known_commit(const Header& header, std::optional<LogIndex> applied);

/// The findings of a source that was read to its end, each about a damaged entry completed by whether that
/// entry is committed and applied.
[[nodiscard]] Findings findings_of(const Source& source, std::optional<LogIndex> committed,
                                   std::optional<LogIndex> applied);

}  // namespace kvctl::raftlog
