#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/bbolt/check.hpp"
#include "kvctl/bbolt/cursor.hpp"
#include "kvctl/mvcc/record.hpp"
#include "kvctl/store/bbolt/bbolt.hpp"
#include "kvctl/store/check_parts.hpp"

namespace kvctl::store {
namespace {

using Severity = Finding::Severity;

struct KeyRow {
    std::string_view row_key;
    std::string_view value;
};

// False when the row is none; load() says why.
bool decode(const KeyRow& row, mvcc::AuditRow& out) {
    const auto at = mvcc::decode_revision(row.row_key);
    mvcc::KeyValue kv;
    if (!at || !mvcc::decode_key_value(row.value, kv)) return false;
    out = {};
    out.revision = at->revision;
    out.tombstone = at->tombstone;
    out.key = kv.key;
    out.create_revision = kv.create_revision;
    out.version = kv.version;
    out.lease = kv.lease;
    out.has_value = !at->tombstone || !kv.value.empty();
    return true;
}

std::uint64_t audit_rows(const BboltStore& store, mvcc::RevisionAudit& audit) {
    const auto bucket = store.file().bucket("key");
    if (!bucket) return 0;
    FindingLog known;  // check_structure() tells them
    bbolt::Cursor cursor(store.file(), *bucket, &known);
    std::vector<KeyRow> rows;
    std::uint64_t n = 0;
    bool sorted = true;
    bool sound = true;
    std::string_view last;
    for (bool more = cursor.first(); more; more = cursor.next()) {
        if ((++n & 0xFFF) == 0) check_interrupt();
        sorted = sorted && last <= cursor.key();
        last = cursor.key();
        rows.push_back({cursor.key(), cursor.value()});
    }
    if (!known.empty()) sound = false;
    if (!sorted)
        std::stable_sort(rows.begin(), rows.end(),
                         [](const KeyRow& a, const KeyRow& b) { return a.row_key < b.row_key; });
    mvcc::AuditRow row;
    if (!sound) audit.forget_all();
    for (const KeyRow& r : rows) {
        if (decode(r, row)) {
            if (!audit.add(row)) audit.forget_all();
        } else {
            audit.forget_all();
        }
    }
    audit.finish();
    return n;
}

void check_bbolt(BboltStore& store, const CheckRequest& request, CheckResult& result, FindingLog& log) {
    Findings found;
    (void)bbolt::check_structure(store.file(), found, request.progress);
    std::set<std::pair<std::string, std::string>> told;
    for (const Finding& f : found) told.emplace(f.code, f.what);
    StoreHead head;
    attempt(log, "malformed-meta", store.file().path(), [&] {
        head = store.head();
        result.consistent_index = head.consistent_index;
        if (auto missing = store.missing_meta()) found.push_back(std::move(*missing));
    });
    attempt(log, "bbolt-bucket", store.file().path(), [&] {
        Findings rows;
        (void)store.load_past_damage(request.rules, rows, request.progress);
        for (Finding& f : rows) {
            // The audit of the rows names each; structure was walked already.
            if (f.code == "duplicate-revision" || f.code.starts_with("bbolt-") || f.code == "in-use")
                continue;
            if (told.emplace(f.code, f.where + f.what).second) found.push_back(std::move(f));
        }
    });
    for (Finding& f : found) log.add(std::move(f));
    if (head.pending()) {
        const bool restored = head.marked_by_restore;
        log.add(
            finding(restored ? Severity::info : Severity::warning,
                    restored ? "restore-mark" : "pending-compaction", "bucket meta",
                    head.pending_text() + (restored ? "" : "; the server finishes it at its next start")));
    }
    if (auto missing = store.missing_snapshot_db()) log.add(std::move(*missing));
    if (store.may_lack_digest()) {
        log.add(
            finding(Severity::info, "no-digest", store.file().path(),
                    "no SHA-256 at its end: a db copied from a data dir, or a transfer that ended early; to "
                    "restore it takes --skip-hash-check"));
    }
    attempt(log, "malformed-alarm", "bucket alarm", [&] {
        for (const EtcdFacts::Alarm& alarm : store.alarms())
            log.add(finding(Severity::warning, "alarm", "bucket alarm",
                            alarm.text() + ": " + k_way_out_of_alarm));
    });
    std::unordered_set<std::int64_t> leases;
    attempt(log, "malformed-lease", "bucket lease", [&] {
        for (const Lease& lease : store.leases()) {
            leases.insert(lease.id);
            if (lease.ttl <= 0) {
                log.add(finding(Severity::warning, "lease-ttl", fmt::format("lease {}", lease.id),
                                fmt::format("a time to live of {} seconds", lease.ttl)));
            }
        }
    });
    mvcc::RevisionAudit audit(head.compacted, head.scheduled, request.rules, log);
    attempt(log, "bbolt-bucket", "bucket key", [&] { result.rows = audit_rows(store, audit); });
    note_missing_leases(audit, leases, log);
}

}  // namespace

void BboltStore::check(const CheckRequest& request, CheckResult& result, FindingLog& log) {
    check_bbolt(*this, request, result, log);
}

}  // namespace kvctl::store
