#pragma once
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "kvctl/kube/times.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/mvcc/prefixes.hpp"
#include "kvctl/raft/layout.hpp"
#include "kvctl/report/notes.hpp"
#include "kvctl/report/refusal.hpp"
#include "kvctl/report/screen.hpp"

namespace kvctl::report {

/// The file a report is about.
struct StoreFacts {
    std::string path;
    std::string layout;
    std::uint64_t file_bytes = 0;
    std::uint64_t page_size = 0;
    std::uint64_t free_pages = 0;
};

/// A raft log beside or in the store, with what a compaction takes from it.
struct LogFacts {
    std::string source;  ///< "store", or the path given
    raft::Layout before;
    raft::CompactedLayout after;  ///< the same as before when nothing goes
    bool compacted = false;       ///< an index was asked for
};

/// kine: old values that surviving rows lose, or would lose.
struct OldValues {
    std::uint64_t values = 0;
    std::uint64_t bytes = 0;  ///< counted in what is kept: the plan speaks of rows
};

/// Of a target that was asked for by age.
struct TargetTime {
    std::optional<kube::Time> time;  ///< nullopt: nothing is that old
    std::int64_t error = 0;          ///< up to the next time that is known, in microseconds
};

/// Of a compaction beside a running server.
struct LiveWork {
    /// Nullopt in a forecast.
    struct Counts {
        std::uint64_t transactions = 0;
        std::uint64_t longest_ms = 0;    ///< that one of them held the lock
        std::uint64_t busy_retries = 0;  ///< how often the lock was found taken
        std::uint64_t foreign_compactions = 0;
        std::uint64_t unchanged = 0;  ///< rows that stay, compared with what they were before
    };
    std::optional<Counts> counts;
};

/// Everything `kvctl compact` says; the plan and the index stay the caller's.
struct CompactionReport {
    StoreFacts store;
    /// compacted, partly, would-compact, already-compacted, already-fits, below-min-gain
    std::string result;
    bool executed = false;  ///< false: a forecast
    const mvcc::TreeIndex* index = nullptr;
    const mvcc::CompactionPlan* plan = nullptr;
    mvcc::PrefixList prefixes;
    std::string strategy;
    std::optional<LogFacts> raft_log;
    std::optional<OldValues> old_values;  ///< nullopt: they are left alone
    std::uint64_t file_before = 0;
    std::uint64_t used_before = 0;  ///< of it: pages that were not free
    std::optional<std::uint64_t> file_after;
    std::optional<std::uint64_t> file_after_vacuum;
    bool predicted = true;
    std::string fits_by{};  ///< already-fits, but only once this command has shrunk the file; else empty
    bool shrinks = false;   ///< the file is, or would be, given back to the file system
    std::int64_t duration_ms = 0;
    Notes notes;
    std::string output;                     ///< path of a new file, when the store itself is left alone
    std::string converted_to{};             ///< its layout, where it is another one than the store's
    std::string command;                    ///< what would do it; only for a forecast
    Refusal refusal;                        ///< why that would be refused
    std::optional<TargetTime> target_time;  ///< nullopt: no age was asked for
    std::optional<LiveWork> live;           ///< nullopt: the store was, or would be, this process's alone
    bool disarm = false;                    ///< --disarm was given
    std::string alarm;  ///< what becomes of an etcd db's alarm, or that there is none; empty: not asked for
    bool list = false;  ///< name every removed revision
};

void write_text(std::ostream& out, const CompactionReport& report, const TextStyle& style);
/// One document; `removed_revisions` is streamed.
void write_json(std::ostream& out, const CompactionReport& report);
/// A line a removed revision, then the summary.
void write_jsonl(std::ostream& out, const CompactionReport& report);

/// The removed revisions alone: a line each, tab-separated (revision, reason, by, bytes, key).
void write_list_text(std::ostream& out, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan);
/// The same as JSON Lines.
void write_list_jsonl(std::ostream& out, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan);

}  // namespace kvctl::report
