#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/raft/belonging.hpp"
#include "kvctl/raft/layout.hpp"
#include "kvctl/raftlog/source.hpp"
#include "kvctl/raftlog/start_up.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "kvctl/store/etcd_rules.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::jobs {

/// A log's layout, and what a compaction of it was found to do.
struct LogReading {
    report::LogFacts facts;
    std::optional<LogIndex> compact_to;  ///< entries up to it go; nullopt: none
    Findings findings;
    std::vector<std::string> warnings;
};

/// What is asked of the log beside its layout.
struct LogTarget {
    std::optional<std::uint64_t> index;
    bool automatic = false;  ///< applied minus keep
    std::uint64_t keep = 5000;
};

/// The log that lies in or beside a store, and `wal_dir` where an etcd db's lies elsewhere (a usage Error for
/// other stores); null when there is none.
[[nodiscard]] std::unique_ptr<raftlog::Source> log_of(
    store::Store& store, int timeout_ms, const std::optional<std::string>& wal_dir = std::nullopt);

/// A sentence: what becomes of a store's log in a file of that kind which has none of it.
[[nodiscard]] std::string log_left_out(store::Store& store, store::TargetKind to);
/// The same where a store that becomes another layout leaves entries of its own log behind; nullopt where
/// there are none, or the layout takes them. A log that cannot be read counts as none: nobody asked for it.
[[nodiscard]] std::optional<std::string> own_log_left_out(
    store::Store& store, store::TargetKind to, const std::optional<std::string>& wal_dir = std::nullopt);

/// Which server is to start on the store's folder: of the version asked for, else of the one that wrote it.
[[nodiscard]] raftlog::Release release_of(store::Store& store,
                                          const std::optional<std::string>& asked = std::nullopt);

/// Reads the log once (twice with a target). With `owner`, a log that is another store's is a finding. Throws
/// refused for an index above the last one or above what is applied (without a store's consistent index:
/// committed).
[[nodiscard]] LogReading read_log(raftlog::Source& source, const std::string& name, const LogTarget& target,
                                  std::optional<LogIndex> applied,
                                  raftlog::Release release = raftlog::Release::unknown,
                                  const std::optional<raft::Belonging::Store>& owner = std::nullopt);

/// What a store says of whose log made it; nullopt where that cannot be read, which `check` reports, and
/// where `log` is the one in its own file or no log of etcd's.
[[nodiscard]] std::optional<raft::Belonging::Store> owner_of(store::Store& store, const raftlog::Header& log);
/// How a log stands to a store that says so.
[[nodiscard]] raft::Belonging belonging(raft::Belonging::Store owner, const raftlog::Header& header);
/// Behind the log's last entry: an error `foreign-log` for one that is another store's.
[[nodiscard]] std::optional<Finding> foreign_log(const std::optional<raft::Belonging>& belonging,
                                                 const std::string& name);

/// store::choose_rules(). An etcd db that does not say who wrote it is first told the newest cluster version
/// that its log sets (etcd.md 0).
[[nodiscard]] store::RuleChoice rules_of(store::Store& store,
                                         const std::optional<mvcc::CompactionRules>& asked,
                                         const std::optional<std::string>& wal_dir = std::nullopt);

/// raft::check_compaction(), whose refusals name the log.
[[nodiscard]] raft::CompactVerdict check_compaction(const std::string& path, LogIndex at, LogIndex snapshot,
                                                    LogIndex last, const raft::Marks& marks);

/// Throws read_only_layout for a log of dqlite's, where one of etcd's is wanted.
void refuse_dqlite(const raftlog::Header& header);

/// Throws damaged when a record's checksum did not match: whatever is made of such a log would look sound.
/// `consequence` ends the message: "such a log is not replayed, …".
void refuse_corrupt(const Findings& findings, const std::string& log, const std::string& consequence);

}  // namespace kvctl::jobs
