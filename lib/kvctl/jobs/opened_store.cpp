#include "kvctl/jobs/opened_store.hpp"

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/jobs/raft_log.hpp"
#include "kvctl/jobs/words.hpp"
#include "kvctl/mvcc/refusals.hpp"

namespace kvctl::jobs {

OpenedStore open_for_reading(const std::string& path, const store::OpenOptions& open,
                             const std::optional<mvcc::CompactionRules>& rules) {
    OpenedStore opened;
    opened.store = store::open_store(path, open);
    opened.choice = rules_of(*opened.store, rules);
    opened.rules = opened.choice.rules;
    opened.head = opened.store->head();
    return opened;
}

void note_head(store::Store& store, const store::StoreHead& head, report::Notes& notes) {
    for (Finding& f : store.notices()) notes.warnings.push_back(std::move(f.what));
    if (!head.pending()) return;
    if (head.marked_by_restore) {
        notes.findings.push_back({Finding::Severity::info, "restore-mark", "", head.pending_text()});
        return;
    }
    notes.warnings.push_back(
        head.pending_text() +
        (store.traits().member
             ? "; the server finishes it at its next start"
             : fmt::format("; {} finishes it",
                           command_on(store.info().path, fmt::format("compact --rev {}", *head.scheduled)))));
}

mvcc::TreeIndex load_keys(OpenedStore& opened, const std::optional<std::string>& key, Progress* progress,
                          report::Notes& notes, std::optional<MainRevision> at) {
    note_head(*opened.store, opened.head, notes);
    if (key) {
        if (auto tree = opened.store->load_key(*key, opened.rules, notes.findings)) return std::move(*tree);
    }
    mvcc::TreeIndex tree = opened.store->load(opened.rules, notes.findings, progress);
    const std::string& path = opened.store->info().path;
    for (const Finding& f : notes.findings) {
        if (f.code != "malformed-row" || (at && f.revision && *f.revision > at->value())) continue;
        throw Error(ErrorKind::damaged,
                    fmt::format("{}: what is asked for may be in it ({} names all such rows)",
                                fault_text(path, f), command_on(path, "check")));
    }
    return tree;
}

void note_open_choice(const OpenedStore& opened, const mvcc::TreeIndex& index, MainRevision at,
                      report::Notes& notes) {
    if (auto line = store::both_outcomes(opened.choice, index, at))
        notes.warnings.push_back(std::move(*line));
}

void note_lost_revisions(const mvcc::CompactionPlan& plan, report::Notes& notes) {
    FindingLog log;
    for (const mvcc::Revision r : plan.lost_live) log.add(mvcc::lost_live_finding(r));
    for (Finding& f : log.take()) notes.findings.push_back(std::move(f));
}

report::RecordReader record_reader(OpenedStore& opened) {
    return [&opened](mvcc::Revision r) {
        const auto record = opened.store->record(r);
        if (record) return *record;
        throw Error(ErrorKind::damaged, fmt::format("{}: {} is gone: the store changed while it was read",
                                                    opened.store->info().path, mvcc::revision_text(r)));
    };
}

void refuse_future(const OpenedStore& opened, MainRevision at) {
    if (at <= opened.head.current) return;
    throw mvcc::future_revision(fmt::format("{}: revision {}", opened.store->info().path, at),
                                opened.head.current);
}

void refuse_compacted(const OpenedStore& opened, MainRevision at) {
    const store::StoreHead& head = opened.head;
    const MainRevision limit = head.compaction_asked();
    if (at >= limit) return;
    throw mvcc::compacted_revision(fmt::format("{}: revision {}", opened.store->info().path, at), limit);
}

}  // namespace kvctl::jobs
