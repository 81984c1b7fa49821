#include "tools/store_access.hpp"

#include <sys/stat.h>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::cli {

OpenedStore open_for_command(const Parsed& parsed, const std::string& path) {
    const store::OpenOptions options = open_options_of(parsed);
    const auto rules = parsed.offers("tombstones") ? rules_of(parsed) : std::nullopt;
    OpenedStore opened;
    opened.store = store::open_store(path, options);
    opened.choice = store::choose_rules(*opened.store, rules);
    opened.rules = opened.choice.rules;
    opened.head = opened.store->head();
    return opened;
}

OpenedStore open_behind_key(const Parsed& parsed) {
    const std::vector<std::string>& operands = parsed.operands();
    try {
        return open_for_command(parsed, operands.back());
    } catch (const Error& e) {
        struct stat st {};
        const bool swapped = operands.size() > 1 && ::stat(operands.back().c_str(), &st) != 0 &&
                             ::stat(operands.front().c_str(), &st) == 0;
        if (!swapped) throw;
        throw Error(e.kind(), std::string(e.what()) + "; the store is the last operand");
    }
}

void note_head(store::Store& store, const store::StoreHead& head, report::Notes& notes) {
    for (Finding& f : store.notices()) notes.warnings.push_back(std::move(f.what));
    if (!head.pending()) return;
    if (head.marked_by_restore) {
        notes.findings.push_back({Finding::Severity::info, "restore-mark", "", head.pending_text()});
        return;
    }
    const bool etcd = store.info().layout == store::Layout::bbolt;
    notes.warnings.push_back(head.pending_text() + (etcd ? "; the server finishes it at its next start"
                                                         : "; the next 'kvctl compact' finishes it"));
}

mvcc::TreeIndex load_keys(OpenedStore& opened, const std::optional<std::string>& key, Progress* progress,
                          report::Notes& notes, std::optional<MainRevision> at) {
    note_head(*opened.store, opened.head, notes);
    if (key) {
        if (auto tree = opened.store->load_key(*key, opened.rules, notes.findings)) return std::move(*tree);
    }
    mvcc::TreeIndex tree = opened.store->load(opened.rules, notes.findings, progress);
    for (const Finding& f : notes.findings) {
        if (f.code != "malformed-row" || (at && f.revision && *f.revision > at->value())) continue;
        throw Error(ErrorKind::damaged, f.where + ": " + f.what +
                                            ": what is asked for may be in it ('kvctl check' names all such "
                                            "rows)");
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
    for (const mvcc::Revision r : plan.lost_live) {
        log.add({Finding::Severity::error, "lost-live-revision",
                 "revision " + std::to_string(r.main) + "." + std::to_string(r.sub),
                 "etcd's rule would delete it although it is live; --tombstones classic keeps it", r.main});
    }
    for (Finding& f : log.take()) notes.findings.push_back(std::move(f));
}

report::RecordReader record_reader(OpenedStore& opened) {
    return [&opened](mvcc::Revision r) {
        const auto record = opened.store->record(r);
        if (record) return *record;
        throw Error(ErrorKind::damaged, opened.store->info().path + ": revision " + std::to_string(r.main) +
                                            "." + std::to_string(r.sub) +
                                            " is gone: the store changed while it was read");
    };
}

void refuse_future(const OpenedStore& opened, MainRevision at) {
    if (at <= opened.head.current) return;
    throw Error(ErrorKind::future_revision,
                opened.store->info().path + ": revision " + std::to_string(at.value()) +
                    ": required revision is a future revision; the store's current revision is " +
                    std::to_string(opened.head.current.value()) +
                    " (a raft index or a key's version is another number)");
}

void refuse_compacted(const OpenedStore& opened, MainRevision at) {
    MainRevision limit = opened.head.compacted;
    if (opened.head.pending()) limit = *opened.head.scheduled;
    if (at >= limit) return;
    throw Error(ErrorKind::compacted, opened.store->info().path + ": revision " + std::to_string(at.value()) +
                                          ": required revision has been compacted; the compact revision is " +
                                          std::to_string(limit.value()));
}

}  // namespace kvctl::cli
