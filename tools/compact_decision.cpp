#include "tools/compact_decision.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <limits>

#include "kvctl/base/error.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/jobs/raft_log.hpp"
#include "kvctl/raftlog/open.hpp"
#include "kvctl/store/etcd_rules.hpp"
#include "kvctl/store/kine/kine.hpp"
#include "kvctl/store/sqlite/predict.hpp"
#include "tools/sizes.hpp"

namespace kvctl::cli {
namespace {

constexpr std::int64_t k_last_revision = std::numeric_limits<std::int64_t>::max();

std::string number(std::int64_t n) {
    return std::to_string(n);
}

mvcc::CompactionInput input_of(const store::StoreHead& head) {
    return {head.current, head.compacted, head.pending() ? head.scheduled : std::nullopt};
}

store::Strategy strategy_of(const store::SqliteStore* sqlite, const CompactOptions& options,
                            const mvcc::CompactionPlan& plan) {
    if (sqlite == nullptr || options.output) return store::Strategy::rewrite;
    if (options.batch) return store::Strategy::in_place;
    if (!options.strategy && !sqlite->why_not_copied().empty()) return store::Strategy::in_place;
    return options.strategy.value_or(store::choose_strategy(*sqlite, plan, options.vacuum));
}

// Predicts the file's size for any plan over one index.
class SizePredictor {
  public:
    SizePredictor(store::Store& store, const mvcc::TreeIndex& index, const CompactOptions& options)
        : store_(dynamic_cast<store::SqliteStore*>(&store)), index_(index), options_(options) {
        if (store_ == nullptr) return;
        other_ = store::other_pages(*store_);
        as_they_stand_ = store::order_of_rows(*store_, index_);
    }
    [[nodiscard]] std::optional<std::uint64_t> bytes(const mvcc::CompactionPlan& plan) const {
        if (store_ == nullptr) return std::nullopt;
        std::vector<std::uint32_t> old;
        if (options_.drop_old_values) old = store::old_value_bytes(*store_, index_, plan);
        const bool copied = plan.kind == mvcc::CompactionPlan::Kind::compact &&
                            strategy_of(store_, options_, plan) == store::Strategy::rewrite;
        return store::predict_file_bytes(*store_, index_, plan, other_, old,
                                         copied ? store::RowOrder{} : as_they_stand_);
    }

  private:
    store::SqliteStore* store_;
    const mvcc::TreeIndex& index_;
    const CompactOptions& options_;
    std::uint64_t other_ = 0;
    store::RowOrder as_they_stand_;
};

// The lowest revision whose compaction, once the file is shrunk, fits. Sizes fall as revisions rise, so
// halving finds it.
Decision::Kind find_target(const store::StoreInfo& info, const CompactOptions& options,
                           const SizePredictor& predictor, Decision& d) {
    const mvcc::CompactionInput input = input_of(d.head);
    const std::uint64_t wanted = *options.target_size;
    const auto plan_at = [&](std::int64_t at) {
        return mvcc::plan_compaction(d.index, input, MainRevision(at));
    };
    d.plan = plan_at(d.head.compacted.value());
    d.shrunk_bytes = predictor.bytes(d.plan);
    if (!d.shrunk_bytes) throw Error(ErrorKind::refused, info.path + ": --target-size needs an SQLite store");
    if (info.bytes_with_wal() <= wanted || *d.shrunk_bytes <= wanted) {
        // A compaction that was cut short is finished all the same.
        return d.head.pending() ? Decision::Kind::compact : Decision::Kind::already_fits;
    }
    mvcc::CompactionPlan best = plan_at(d.head.current.value());
    const std::uint64_t least = *predictor.bytes(best);
    if (least > wanted) {
        throw Error(ErrorKind::refused, info.path + ": cannot fit into " + format_bytes_exact(wanted) +
                                            "; compacted to the current revision " +
                                            number(d.head.current.value()) + " it would take " +
                                            format_bytes_exact(least));
    }
    std::int64_t too_low = d.head.compacted.value();
    std::int64_t fits = d.head.current.value();
    while (fits - too_low > 1) {
        check_interrupt();
        const std::int64_t middle = too_low + (fits - too_low) / 2;
        mvcc::CompactionPlan plan = plan_at(middle);
        if (*predictor.bytes(plan) <= wanted) {
            fits = middle;
            best = std::move(plan);
        } else {
            too_low = middle;
        }
    }
    d.plan = std::move(best);
    return Decision::Kind::compact;
}

MainRevision target_of(const store::StoreInfo& info, const CompactOptions& options,
                       const store::StoreHead& head) {
    if (options.rev) {
        if (*options.rev > head.current) {
            throw Error(ErrorKind::future_revision,
                        info.path + ": --rev " + number(options.rev->value()) +
                            ": required revision is a future revision; the store's current revision is " +
                            number(head.current.value()) +
                            " (a raft index or a key's version is another number)");
        }
        return *options.rev;
    }
    const auto span = static_cast<std::uint64_t>(head.current.value() - head.compacted.value());
    if (*options.keep_last >= span) return head.compacted;
    return MainRevision(head.current.value() - static_cast<std::int64_t>(*options.keep_last));
}

void warn_of_kine(store::KineStore& store, const CompactOptions& options, Decision& d) {
    const mvcc::CompactionPlan& p = d.plan;
    std::vector<std::string>& w = d.notes.warnings;
    const bool works = d.kind == Decision::Kind::compact;
    if (d.head.bookkeeping_row_missing) {
        w.push_back(std::string("the row that holds the compact revision is missing; ") +
                    (works ? "" : "a compaction that has something to do ") +
                    (works ? "one is inserted and takes the next revision" : "inserts one"));
    } else if (d.head.bookkeeping_rows > 1) {
        w.push_back(many(d.head.bookkeeping_rows, "row") + " hold the compact revision; " +
                    (works ? "one is kept" : "a compaction that has something to do keeps one"));
    }
    if (const auto rows = store.legacy_table())
        w.push_back("the old table key_value holds " + *rows + "; it is never touched");
    if (p.cross_key_pointers > 0) {
        w.push_back(many(p.cross_key_pointers, "row") +
                    " point at a row of another key; such pointers are not followed");
    }
    if (p.dangling_pointers > 0) {
        w.push_back(many(p.dangling_pointers, "row") +
                    " point above the compact revision at a row that is not there");
    }
    if (store.lost_its_wal())
        w.emplace_back("it is in WAL mode, holds no row and has no -wal beside it: was that left behind?");
    if (auto text = store.litestream_advice()) w.push_back(std::move(*text));
    if (d.kind != Decision::Kind::compact) return;
    if (const std::string why = store.why_not_copied(); !why.empty() && store.keyed())
        w.push_back("its rows are deleted in place: " + why);
    if (p.kept_current) {
        w.push_back("row " + number(p.kept_current->main) +
                    " is kept although it is a tombstone or gap: it holds the current revision (kine since "
                    "0.16.5 does "
                    "not look at it again; a later run of kvctl compact removes it)");
    }
    if (p.compacted_after.value() > p.current.value() - store.kept_by_server()) {
        w.push_back("revision " + number(p.compacted_after.value()) + " is among the last " +
                    std::to_string(store.kept_by_server()) +
                    ", which kine itself keeps: running clients must list again");
    }
    // kine before 0.15 begins to watch for expiry at a revision that must lie above the compact revision.
    const mvcc::TreeIndex& index = d.index;
    mvcc::Slot newest = mvcc::k_no_slot;
    index.for_each_row(index.lower_bound(p.compacted_after), index.slot_end(), [&](mvcc::Slot s) {
        const mvcc::KeyId key = index.key_of(s);
        if (key < mvcc::k_gap_key && !index.is_tombstone(s) && index.key(key).starts_with('/')) newest = s;
    });
    if (newest == mvcc::k_no_slot || index.revision(newest).main - 1 < p.compacted_after.value()) {
        w.emplace_back(
            "kine older than 0.15 does not expire leases after this until it is started once more");
    }
    (void)options;
}

void warn(store::Store& store, const CompactOptions& options, Decision& d) {
    const store::StoreInfo& info = store.info();
    for (Finding& f : store.notices()) d.notes.warnings.push_back(std::move(f.what));
    const std::string run = options.dry_run ? "the next real run" : "this run";
    if (d.head.pending() && d.head.marked_by_restore) {
        d.notes.findings.push_back({Finding::Severity::info, "restore-mark", "",
                                    d.head.pending_text() + "; " + run + " carries it out first"});
    } else if (d.head.pending()) {
        d.notes.warnings.push_back(d.head.pending_text() + "; " + run + " finishes it first");
    }
    if (auto* const kine = dynamic_cast<store::KineStore*>(&store)) warn_of_kine(*kine, options, d);
    if (info.journal_bytes > 0)
        d.notes.warnings.emplace_back("a -journal lies beside the store: a transaction was cut short");
    for (const mvcc::Revision& r : d.plan.lost_live) {
        d.notes.findings.push_back(
            {Finding::Severity::error, "lost-live-revision",
             "revision " + number(r.main) + "." + number(r.sub),
             "etcd's rule deletes this live revision (a delete and a put of one key in one transaction)",
             r.main});
    }
}

bool same_file(const std::string& a, const std::string& b) {
    struct stat first {};
    struct stat second {};
    return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

void read_raft_log(store::Store& store, const CompactOptions& options, Decision& d) {
    jobs::LogTarget target{options.raft_index, options.raft_index_auto, options.raft_keep};
    // Too little to gain: then the log stays as well.
    if (d.too_little_gain) target = {std::nullopt, false, options.raft_keep};
    const bool own = !options.raft_log;
    // Opening the store once more and closing it again would drop the locks this process holds on it.
    const bool same = !own && same_file(*options.raft_log, store.info().real_path);
    const std::unique_ptr<raftlog::Source> source =
        own || same ? jobs::log_of(store, options.open.timeout_ms, options.wal_dir)
                    : raftlog::open(*options.raft_log, options.open.timeout_ms);
    if (source == nullptr) {
        if (same) throw Error(ErrorKind::not_a_store, *options.raft_log + ": the store holds no raft log");
        if (options.compacts_raft()) {
            throw Error(ErrorKind::usage, options.path + ": --raft-index: the store holds no raft log");
        }
        return;
    }
    if (own && options.compacts_raft() && store.info().layout != store::Layout::native && !options.dry_run) {
        throw Error(ErrorKind::read_only_layout, options.path + ": an etcd WAL is never written");
    }
    jobs::LogReading reading = jobs::read_log(*source, own ? "store" : *options.raft_log, target,
                                              d.head.consistent_index, jobs::release_of(store));
    d.log = std::move(reading.facts);
    if (own) d.raft_compact_to = reading.compact_to;
    if (own && options.output && store.info().layout == store::Layout::bbolt)
        d.notes.warnings.emplace_back("the raft log is left out; 'kvctl import' takes it over");
    for (std::string& w : reading.warnings) d.notes.warnings.push_back(std::move(w));
    for (Finding& f : reading.findings) {
        if (f.severity == Finding::Severity::info) continue;
        d.notes.warnings.push_back("raft log: " + (f.where.empty() ? "" : f.where + ": ") + f.what);
    }
}

// Damage that the index itself shows.
void note_index_damage(Decision& d) {
    const auto revision_text = [&](mvcc::Slot s) {
        const mvcc::Revision r = d.index.revision(s);
        return "revision " + number(r.main) + "." + number(r.sub);
    };
    for (const mvcc::Slot s : d.index.version_breaks()) {
        d.notes.findings.push_back({Finding::Severity::error, "version-break", revision_text(s),
                                    "its version does not follow from the key's revision before it",
                                    d.index.revision(s).main});
        if (d.notes.findings.size() > 20) break;
    }
    if (d.index.duplicates() > 0) {
        d.notes.findings.push_back({Finding::Severity::error, "duplicate-revision", "",
                                    many(d.index.duplicates(), "row") + " repeat another row's revision",
                                    std::nullopt});
    }
}

}  // namespace

Decision decide(store::Store& store, const CompactOptions& options, Progress* progress) {
    const store::StoreInfo& info = store.info();
    const store::RuleChoice choice = store::choose_rules(store, options.rules);
    if (options.drop_old_values && info.layout != store::Layout::kine) {
        throw Error(ErrorKind::usage, info.path + ": --drop-old-values: only a kine store has old values");
    }
    const store::StoreHead head = store.head();
    if (!options.rev && !options.keep_last && !options.target_size) {
        throw Error(ErrorKind::usage, info.path + ": no target given; the current revision is " +
                                          number(head.current.value()) +
                                          "; say --rev N, --keep-last N or --target-size SIZE");
    }
    if (info.layout == store::Layout::kine && head.current == MainRevision(k_last_revision)) {
        throw Error(ErrorKind::damaged,
                    info.path + ": row " + number(k_last_revision) +
                        " has the largest id there can be: kine can never write to this store again; remove "
                        "that row first");
    }
    const MainRevision target = options.target_size ? head.compacted : target_of(info, options, head);
    report::Notes notes;
    mvcc::TreeIndex index = store.load(choice.rules, notes.findings, progress);
    Decision d{Decision::Kind::compact,   head,         std::move(index), {},           std::nullopt,
               store::Strategy::in_place, std::nullopt, std::nullopt,     std::nullopt, std::move(notes)};
    const SizePredictor predictor(store, d.index, options);
    if (options.target_size) {
        d.kind = find_target(info, options, predictor, d);
    } else {
        d.plan = mvcc::plan_compaction(d.index, input_of(head), target);
    }
    if (d.kind == Decision::Kind::compact && d.plan.kind == mvcc::CompactionPlan::Kind::already_compacted) {
        d.kind = Decision::Kind::already_compacted;
    }
    d.shrunk_bytes = predictor.bytes(d.plan);
    // Shrinking alone is work as well.
    if (options.min_gain && (d.kind == Decision::Kind::compact || options.vacuum)) {
        const std::uint64_t after = d.shrunk_bytes.value_or(info.file_bytes);
        const std::uint64_t gain = info.file_bytes > after ? info.file_bytes - after : 0;
        if (gain < options.min_gain->of(info.file_bytes)) {
            d.too_little_gain = true;
            if (head.pending()) {
                // As etcd does at its start: what was begun is finished, whatever it gains.
                d.plan = mvcc::plan_compaction(d.index, input_of(head), *head.scheduled);
                d.shrunk_bytes = predictor.bytes(d.plan);
                d.notes.warnings.emplace_back(
                    "less than --min-gain to gain: only the pending compaction is finished");
            } else {
                d.kind = Decision::Kind::below_min_gain;
            }
        }
    }
    if (options.drop_old_values && d.kind == Decision::Kind::compact) {
        d.old_values.emplace();
        for (const std::uint32_t n :
             store::old_value_bytes(dynamic_cast<store::SqliteStore&>(store), d.index, d.plan)) {
            d.old_values->values += n > 0 ? 1 : 0;
            d.old_values->bytes += n;
        }
    }
    d.strategy = strategy_of(dynamic_cast<const store::SqliteStore*>(&store), options, d.plan);
    note_index_damage(d);
    read_raft_log(store, options, d);
    warn(store, options, d);
    if (d.kind == Decision::Kind::compact) {
        if (auto line = store::both_outcomes(choice, d.index, d.plan.compacted_after))
            d.notes.warnings.push_back(std::move(*line));
    }
    return d;
}

void check_decision(const store::StoreInfo& info, const Decision& d) {
    for (const Finding& f : d.notes.findings) {
        if (f.severity != Finding::Severity::error || f.code == "lost-live-revision") continue;
        if (f.revision && *f.revision > d.plan.compacted_after.value()) continue;
        throw Error(ErrorKind::damaged, info.path + ": " + (f.where.empty() ? "" : f.where + ": ") + f.what +
                                            "; nothing was changed ('kvctl check' names all such rows)");
    }
    if (!d.plan.lost_live.empty()) {
        const mvcc::Revision r = d.plan.lost_live.front();
        throw Error(ErrorKind::refused,
                    info.path + ": etcd's keep-at-rev rule would delete the live revision " + number(r.main) +
                        "." + number(r.sub) + "; --tombstones classic compacts without losing it");
    }
}

}  // namespace kvctl::cli
