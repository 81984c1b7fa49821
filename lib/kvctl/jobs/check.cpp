#include "kvctl/jobs/check.hpp"

#include <algorithm>
#include <limits>

#include "kvctl/base/error.hpp"
#include "kvctl/jobs/facts.hpp"
#include "kvctl/jobs/raft_log.hpp"
#include "kvctl/store/check.hpp"
#include "kvctl/store/etcd_rules.hpp"

namespace kvctl::jobs {
namespace {

// A log that cannot be read to its end is a finding, not the end of the check.
void check_log(store::Store& store, const CheckRequest& request, std::optional<LogIndex> applied,
               Findings& findings) {
    try {
        const auto source = log_of(store, request.open.timeout_ms, request.wal_dir);
        if (!source) return;
        const raftlog::Release release = release_of(store, request.version);
        for (Finding& f : read_log(*source, "store", {}, applied, release).findings) {
            // The folder alone shows it too, but not how far back the log reaches.
            if (f.code == "snap-db-missing")
                std::erase_if(findings, [&](const Finding& known) { return known.code == f.code; });
            findings.push_back(std::move(f));
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

// Where what decides is damaged itself, the check tells.
mvcc::CompactionRules rules_for(store::Store& store, const std::optional<mvcc::CompactionRules>& asked) try {
    return store::choose_rules(store, asked).rules;
} catch (const Error& e) {
    if (e.kind() != ErrorKind::damaged) throw;
    return mvcc::classic_rules();
}

}  // namespace

report::CheckReport check(const CheckRequest& request, Progress* progress) {
    const std::unique_ptr<store::Store> store = store::open_store(request.path, request.open);
    store::CheckRequest asked;
    asked.rules = rules_for(*store, request.rules);
    if (request.all) asked.kept_per_code = std::numeric_limits<std::size_t>::max();
    asked.progress = progress;
    store::CheckResult result = store::check_store(*store, asked);
    check_log(*store, request, result.consistent_index, result.findings);

    report::CheckReport report;
    report.store = facts_of(store->info());
    report.findings = std::move(result.findings);
    std::stable_sort(report.findings.begin(), report.findings.end(),
                     [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
    return report;
}

}  // namespace kvctl::jobs
