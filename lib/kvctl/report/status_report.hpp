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

/// What an etcd db holds beside the rows of its keys.
struct EtcdStatus {
    struct Member {
        std::uint64_t id = 0;
        std::string name;
        bool learner = false;
    };
    struct Alarm {
        std::uint64_t member = 0;
        std::string type;
        std::string text;  ///< for people: type and member
    };
    struct Bucket {
        std::string name;
        std::uint64_t keys = 0;
        std::uint64_t bytes = 0;
        std::uint64_t pages = 0;
    };
    std::optional<std::string> cluster_version;
    std::optional<std::string> storage_version;
    std::vector<Member> members;
    std::vector<Alarm> alarms;
    std::uint64_t leases = 0;
    std::optional<std::int64_t> ttl_min;
    std::optional<std::int64_t> ttl_max;
    std::vector<Bucket> buckets;
};

/// What a dqlite directory holds beside the rows of its keys.
struct DqliteStatus {
    struct Member {
        std::uint64_t id = 0;
        std::string address;
        std::string role;
    };
    struct Snapshot {
        std::string name;
        std::uint64_t term = 0;
        std::uint64_t index = 0;
        std::uint64_t bytes = 0;
        bool used = false;
    };
    std::string database;
    std::vector<std::string> databases;
    std::optional<std::uint64_t> term;
    std::uint64_t voted_for = 0;
    std::vector<Member> members;
    std::uint64_t configuration_index = 0;
    std::vector<Snapshot> snapshots;
    std::uint64_t snapshot_unpacked_bytes = 0;
    std::uint64_t first_index = 0;
    std::uint64_t last_index = 0;
    std::uint64_t applied = 0;
    bool tail_may_be_uncommitted = false;
    /// By kind of file, in the order of the report.
    std::vector<std::pair<std::string, std::uint64_t>> bytes;
};

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
    std::optional<std::uint64_t> gaps;  ///< rows of no key; nullopt: the layout has none
    std::uint64_t keys = 0;
    std::uint64_t live_keys = 0;
    std::uint64_t leases = 0;
    std::uint64_t live_bytes = 0;
    std::uint64_t history_bytes = 0;
    std::uint64_t tombstone_bytes = 0;
    std::uint64_t free_bytes = 0;
    std::uint64_t index_bytes = 0;
    std::uint64_t other_bytes = 0;     ///< other tables or buckets, headers
    std::uint64_t overhead_bytes = 0;  ///< of the pages of revisions: what is neither key nor value
    std::optional<LogFacts> raft_log;
    std::optional<std::uint64_t> consistent_index;
    bool pending = false;
    std::string pending_text;  ///< what is pending, when something is
    std::optional<EtcdStatus> etcd;
    std::optional<DqliteStatus> dqlite;
    std::vector<std::pair<int, std::string>> in_use_by;  ///< pid and command
    std::vector<std::pair<std::string, std::int64_t>> meta;
    std::vector<Hint> hints;
    /// Bytes of the file behind a compaction and a vacuum, where it was asked for and can be foretold.
    std::optional<std::uint64_t> predicted_bytes;
};

void write_text(std::ostream& out, const StatusReport& report, const TextStyle& style);
/// One store asked for: an object; several: an array of those that could be read.
void write_json(std::ostream& out, const std::vector<StatusReport>& reports, bool several);
void write_jsonl(std::ostream& out, const StatusReport& report);

}  // namespace kvctl::report
