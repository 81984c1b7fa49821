#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/raft/apply.hpp"
#include "kvctl/raftlog/source.hpp"
#include "kvctl/report/notes.hpp"
#include "kvctl/store/cluster.hpp"

namespace kvctl::jobs {

/// What a log asks for, read once before anything is written, so that a log that cannot be applied as a whole
/// is refused while the store is as it was.
struct ReplaySurvey {
    LogIndex last;                      ///< the last entry to apply; below `applied` + 1: none
    std::optional<LogIndex> committed;  ///< nullopt: nothing says what is committed
    std::uint64_t entries = 0;          ///< to apply
    raft::Alarms alarms;                ///< as the applied entries of the log left them
    raft::AlarmRule alarm_rule = raft::AlarmRule::by_set;  ///< of the release that wrote the log
    std::optional<LogIndex> both_alarms_from;  ///< the entry from which on both kinds of alarm were on
    bool compacts = false;                     ///< a compaction is asked for
    bool whole = false;                        ///< the log begins with its first entry
    /// Key and range end of each comparison of values and each put that keeps one, without repeats.
    std::vector<std::pair<std::string, std::string>> value_reads;
    report::Notes notes;
};

/// What a store says of the log it came from.
struct ReplayBase {
    LogIndex applied;          ///< consistent index
    std::optional<Term> term;  ///< of the entry there, where the store knows it
    MainRevision current{1};
    store::Cluster cluster;
};

/// Reads the log to the end.
///
/// Throws refused for a log without data, one that begins behind what the store has applied, one of another
/// history, one with authentication on; damaged for a gap, a checksum that does not match, or an entry that
/// does not decode among those to apply.
[[nodiscard]] ReplaySurvey survey_log(raftlog::Source& source, const std::string& log, const ReplayBase& base,
                                      std::optional<LogIndex> until);

}  // namespace kvctl::jobs
