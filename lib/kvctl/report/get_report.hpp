#pragma once
#include <optional>
#include <ostream>

#include "kvctl/base/strong.hpp"
#include "kvctl/mvcc/range_read.hpp"
#include "kvctl/report/notes.hpp"

namespace kvctl::report {

/// What `kvctl get` says; records are fetched one at a time while it is written.
struct GetReport {
    const mvcc::RangeResult* result = nullptr;
    RecordReader record;
    MainRevision current;      ///< etcd's header.revision
    std::optional<Term> term;  ///< etcd's header.raft_term
    bool keys_only = false;
    bool count_only = false;
    bool value_only = false;      ///< text
    bool decode = false;          ///< values as Kubernetes objects
    bool reveal_secrets = false;  ///< their data too
    bool to_terminal = false;     ///< text: control characters and bytes that are not UTF-8 are escaped
    Notes notes;
};

/// As etcdctl prints: key and value, a line each, bytes as they are unless a terminal would act on them.
void write_text(std::ostream& out, const GetReport& report);
/// etcdctl's JSON: header, kvs, more, count; bytes in base64, zero fields left out.
void write_json(std::ostream& out, const GetReport& report);
/// A line a key, then the summary.
void write_jsonl(std::ostream& out, const GetReport& report);

}  // namespace kvctl::report
