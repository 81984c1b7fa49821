#include "kvctl/jobs/store_view.hpp"

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/jobs/raft_log.hpp"
#include "kvctl/mvcc/refusals.hpp"

namespace kvctl::jobs {
namespace {

using Severity = Finding::Severity;

}  // namespace

StoreView::StoreView(const std::string& path, const store::OpenOptions& options,
                     const std::optional<mvcc::CompactionRules>& rules)
    : store_(store::open_store(path, options)), head_(store_->head()) {
    const store::RuleChoice choice = rules_of(*store_, rules);
    if (choice.known && !choice.left_open) rules_ = choice.rules;
    for (Finding& f : store_->notices()) findings_.add(std::move(f));
    if (!store_->traits().etcd_log) {
        throw Error(ErrorKind::refused, fmt::format("{}: a {} store has no raft log behind it", path,
                                                    name_of(store_->info().layout)));
    }
}

void StoreView::match(raftlog::Source& log) {
    match_.emplace(head_.compacted, head_.current);
    const MainRevision first{head_.compacted.value() < 0 ? 0 : head_.compacted.value() + 1};
    store_->each_record(first, head_.current, [&](const mvcc::Record& r) {
        match_->add_change(MainRevision{r.revision.main},
                           {r.tombstone, std::string(r.key), r.lease, raft::hash_value(r.value)});
    });
    const LogIndex applied = head_.consistent_index.value_or(LogIndex{0});
    log.each(raftlog::Want::data, [&](const raftlog::Item& item) {
        if (item.facts.index <= applied) match_->add_entry(item.entry());
        return true;
    });
    match_->finish();
    check_compactions(log.header());
    check_tombstones();
}

std::optional<std::int64_t> StoreView::revision_of(LogIndex index) const {
    const auto revision = match_->revision_of(index);
    return revision ? std::optional(revision->value()) : std::nullopt;
}

report::RaftReport::StoreCheck StoreView::check() const {
    return {store_->info().path, head_.current, head_.compacted, match_->compacted_by_log()};
}

void StoreView::check_compactions(const raftlog::Header& log) {
    const auto asked = match_->compacted_by_log();
    const MainRevision reached =
        head_.scheduled ? std::max(head_.compacted, *head_.scheduled) : head_.compacted;
    if (asked && *asked > reached) {
        findings_.add(
            {Severity::error, "compaction-missing", store_->info().path,
             fmt::format(
                 "the log holds an applied compaction to revision {}, but the store is compacted to {}",
                 *asked, reached)});
    }
    const bool whole_log = log.snapshot.index == LogIndex{0} && !log.filtered;
    if (whole_log && head_.compacted.value() > 0 && (!asked || *asked < head_.compacted)) {
        findings_.add({Severity::info, "compaction-not-in-log", store_->info().path,
                       fmt::format("the store is compacted to revision {}, which no applied entry of the log "
                                   "asked for: it was compacted offline",
                                   head_.compacted)});
    }
}

// With a rule given, or known of the store, the rows at the compact revision must look as if it had been
// followed.
void StoreView::check_tombstones() {
    if (!rules_ || rules_->tombstones != mvcc::CompactionRules::Tombstones::classic ||
        head_.compacted.value() < 1) {
        return;
    }
    store_->each_record(head_.compacted, head_.compacted, [&](const mvcc::Record& r) {
        if (!r.tombstone) return;
        findings_.add({Severity::warning, "tombstone-at-compact-revision", mvcc::revision_text(r.revision),
                       "under the classic rule the compaction would have removed this tombstone",
                       r.revision.main});
    });
}

}  // namespace kvctl::jobs
