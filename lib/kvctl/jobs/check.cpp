#include "kvctl/jobs/check.hpp"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "kvctl/base/error.hpp"
#include "kvctl/jobs/facts.hpp"
#include "kvctl/jobs/kube_scan.hpp"
#include "kvctl/jobs/raft_log.hpp"
#include "kvctl/kube/audit.hpp"
#include "kvctl/store/check.hpp"

namespace kvctl::jobs {
namespace {

// A log that cannot be read to its end is a finding, not the end of the check.
void check_log(store::Store& store, const CheckRequest& request, std::optional<LogIndex> applied,
               Findings& findings, report::CheckReport& report) {
    try {
        const auto source = log_of(store, request.open.timeout_ms, request.wal_dir);
        if (!source) return;
        const raftlog::Release release = release_of(store, request.version);
        LogReading log = read_log(*source, "store", {}, applied, release, owner_of(store, source->header()));
        report.raft_entries = log.facts.before.entries;
        for (Finding& f : log.findings) {
            // The folder alone shows it too, but not how far back the log reaches.
            if (f.code == "snap-db-missing")
                std::erase_if(findings, [&](const Finding& known) { return known.code == f.code; });
            // Of a dqlite directory the store has told most of it, of a snapshot with the way out.
            const auto same = [&](const Finding& known) {
                return known == f || (f.code == "snapshot" && known.code == f.code && known.where == f.where);
            };
            if (std::none_of(findings.begin(), findings.end(), same)) findings.push_back(std::move(f));
        }
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::damaged && e.kind() != ErrorKind::not_a_store) throw;
        Finding f;
        f.code = "unreadable-log";
        f.where = "raft log";
        f.what = e.what();
        findings.push_back(std::move(f));
    }
}

// Values, of a store whose rows can be read at all.
void check_objects(store::Store& store, std::size_t kept_per_code, Progress* progress, Findings& findings) {
    kube::Audit audit(store.info().path, kept_per_code);
    std::unordered_map<std::int64_t, std::int64_t> ttls;
    for (const store::Lease& lease : store.leases()) ttls.emplace(lease.id, lease.ttl);
    const bool is_ttl = store.traits().lease_is_ttl;
    try {
        scan(store, store.head().current, progress, [&](const mvcc::Record& record) {
            const auto ttl = ttls.find(record.lease);
            audit.add(record, is_ttl ? record.lease : ttl == ttls.end() ? 0 : ttl->second);
        });
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::damaged) throw;
        Finding f;
        f.code = "kube-unreadable";
        f.what = std::string("the values could not be looked at to their end: ") + e.what();
        findings.push_back(std::move(f));
    }
    for (Finding& f : audit.take()) findings.push_back(std::move(f));
}

// Where what decides is damaged itself, the check tells.
mvcc::CompactionRules rules_for(store::Store& store, const CheckRequest& request) try {
    return rules_of(store, request.rules, request.wal_dir).rules;
} catch (const Error& e) {
    if (e.kind() != ErrorKind::damaged) throw;
    return mvcc::classic_rules();
}

}  // namespace

report::CheckReport check(const CheckRequest& request, Progress* progress) {
    const std::unique_ptr<store::Store> store = store::open_store(request.path, request.open);
    store::CheckRequest asked;
    asked.rules = rules_for(*store, request);
    if (request.all) asked.kept_per_code = std::numeric_limits<std::size_t>::max();
    asked.progress = progress;
    store::CheckResult result = store::check_store(*store, asked);
    report::CheckReport report;
    check_log(*store, request, result.consistent_index, result.findings, report);

    if (request.kubernetes) check_objects(*store, asked.kept_per_code, progress, result.findings);

    report.pages = store->info().pages;
    report.rows = result.rows;
    report.objects = request.kubernetes;
    report.store = facts_of(store->info());
    report.findings = std::move(result.findings);
    std::stable_sort(report.findings.begin(), report.findings.end(),
                     [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
    return report;
}

}  // namespace kvctl::jobs
