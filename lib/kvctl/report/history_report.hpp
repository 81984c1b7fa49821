#pragma once
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "kvctl/kube/timeline.hpp"
#include "kvctl/mvcc/key_index.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "kvctl/report/notes.hpp"

namespace kvctl::report {

struct HistoryRow {
    mvcc::Revision revision;
    std::uint64_t bytes = 0;  ///< key and value (kine: and old_value)
};

/// One life of a key: its stored revisions, oldest first.
struct HistoryGeneration {
    mvcc::Revision created;
    std::int64_t version = 0;  ///< changes ever made in it, compacted ones and the tombstone included
    std::vector<HistoryRow> rows;
};

/// What `kvctl history` says; records are fetched one at a time while it is written.
struct HistoryReport {
    std::string key;
    bool live = false;
    bool versions = true;                        ///< false: a kine store, which has none
    std::vector<HistoryGeneration> generations;  ///< empty ones left out
    std::vector<HistoryRow> unindexed;           ///< stored rows that etcd's index would not know
    RecordReader record;
    bool values = false;  ///< raw; with `diff` what the changed fields held and hold
    bool decode = false;  ///< values as Kubernetes objects
    bool diff = false;    ///< who wrote each revision, and the fields it changed
    bool reveal_secrets = false;
    /// The time of a revision whose own value tells none; may be empty.
    std::function<std::optional<kube::Timeline::At>(MainRevision)> time_around;
    Notes notes;
};

void write_text(std::ostream& out, const HistoryReport& h, const TextStyle& style);
void write_json(std::ostream& out, const HistoryReport& h);
/// A line a revision, then the summary.
void write_jsonl(std::ostream& out, const HistoryReport& h);

}  // namespace kvctl::report
