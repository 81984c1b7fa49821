#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/raft/apply.hpp"
#include "kvctl/raft/revision_match.hpp"
#include "kvctl/raftlog/open.hpp"
#include "kvctl/raftlog/start_up.hpp"
#include "kvctl/raftlog/table.hpp"
#include "kvctl/report/replay_report.hpp"
#include "kvctl/store/open.hpp"
#include "kvctl/store/sqlite/writable.hpp"
#include "tools/commands.hpp"
#include "tools/compact_options.hpp"
#include "tools/notes.hpp"
#include "tools/replay_sink.hpp"
#include "tools/replay_survey.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"
#include "tools/values.hpp"

namespace kvctl::cli {
namespace {

using Clock = std::chrono::steady_clock;

// A transaction ends after so many entries, or so many bytes of values.
constexpr std::uint64_t k_batch_entries = 5000;
constexpr std::uint64_t k_batch_bytes = std::uint64_t{16} << 20;

struct ReplayOptions {
    std::string log;
    std::string path;
    std::optional<LogIndex> until;
    std::optional<std::string> wal_dir;
    bool dry_run = false;
    std::optional<mvcc::CompactionRules> rules;  ///< nullopt: the store decides
    std::optional<raft::AlarmRule> alarm_rule;   ///< nullopt: that of the release which wrote the log
    store::OpenOptions open;
    std::uint64_t batch = k_batch_entries;
    Output display;
    std::string command;
};

ReplayOptions parse_replay(const Args& args, const Io& io) {
    const Parsed parsed = parse(replay_options(), args);
    parsed.expect_operands(2, 2, "LOG STORE");
    ReplayOptions o;
    o.display = output_of(parsed, io);
    o.log = parsed.operands()[0];
    o.path = parsed.operands()[1];
    if (const auto text = parsed.value("until-index")) o.until = LogIndex{parse_u64("--until-index", *text)};
    o.wal_dir = parsed.value("wal-dir");
    o.dry_run = parsed.has("dry-run");
    o.rules = rules_of(parsed);
    if (const auto version = parsed.value("etcd-version")) {
        const auto minor = raftlog::minor_version(*version);
        o.alarm_rule =
            minor && *minor < std::pair(3U, 6U) ? raft::AlarmRule::by_last_request : raft::AlarmRule::by_set;
    }
    o.open.layout = layout_of(parsed);
    o.open.timeout_ms = static_cast<int>(timeout_of(parsed).count());
    o.open.waits_for_idle = parsed.has("timeout");
    if (const auto text = parsed.value("batch")) {
        o.batch = parse_u64("--batch", *text);
        if (o.batch == 0) throw Error(ErrorKind::usage, "--batch: at least 1");
    }
    o.command = "kvctl replay";
    for (const char* const name :
         {"until-index", "wal-dir", "batch", "tombstones", "etcd-version", "layout", "timeout"}) {
        if (const auto value = parsed.value(name))
            o.command += std::string(" --") + name + " " + shell_quoted(*value);
    }
    if (o.log.starts_with('-') || o.path.starts_with('-')) o.command += " --";
    o.command += " " + shell_quoted(o.log) + " " + shell_quoted(o.path);
    return o;
}

void check_layout(const store::StoreInfo& info) {
    if (info.layout == store::Layout::native) return;
    if (info.layout == store::Layout::bbolt) {
        throw Error(
            ErrorKind::read_only_layout,
            info.path + ": an etcd db is never written; 'kvctl import' makes a native store to replay into");
    }
    throw Error(ErrorKind::refused,
                info.path + ": a kine store has no raft log behind it; replay needs a native store");
}

bool same_file(const std::string& a, const std::string& b) {
    std::error_code error;
    return std::filesystem::equivalent(a, b, error) && !error;
}

// The state of the store as its server would have it in memory after a start.
raft::ApplyState restore(store::SqliteStore& store, const store::StoreHead& head) {
    raft::ApplyState state;
    state.current = head.current;
    state.compacted = head.pending() ? *head.scheduled : head.compacted;
    for (const store::Lease& lease : store.leases()) state.leases[lease.id].ttl = lease.ttl;
    std::uint64_t n = 0;
    store::each_row(store, [&](const mvcc::Record& r, std::uint64_t) {
        if ((++n & 0xFFF) == 0) check_interrupt();
        state.restore(r.key, r.tombstone,
                      {r.create_revision, r.version, r.lease, r.revision.main, r.revision.sub});
    });
    return state;
}

// One run over the log.
class Replay {
  public:
    Replay(raftlog::Source& log, ReplaySink& sink, raft::ApplyState state, ReplaySurvey survey,
           report::ReplayReport& report, std::uint64_t batch)
        : log_(log),
          sink_(sink),
          survey_(std::move(survey)),
          applier_(std::move(state),
                   [&sink](std::string_view key, const raft::LiveKey& row) { return sink.value(key, row); }),
          report_(report),
          batch_(batch),
          done_(report.index_before) {}

    // `shared`: the log is read through the connection that writes, so reading ends before a compaction.
    void run(bool shared, Progress* progress) {
        bool more = done_ < survey_.last;
        while (more) {
            more = false;
            std::optional<MainRevision> compaction;
            log_.each(raftlog::Want::data, [&](const raftlog::Item& item) {
                if (item.facts.index <= done_) return true;
                if (item.facts.index > survey_.last) return false;
                check_interrupt();
                if (progress != nullptr && (report_.entries & 0xFF) == 0)
                    progress->update("applying", report_.entries, survey_.entries);
                compaction = apply(item);
                if (compaction && shared) {
                    more = true;
                    return false;
                }
                if (compaction) compact(*compaction);
                compaction.reset();
                return true;
            });
            if (compaction) compact(*compaction);
        }
        if (open_entries_ > 0) commit();
        for (Finding& f : stripped_.take()) report_.notes.findings.push_back(std::move(f));
    }

    [[nodiscard]] const raft::ApplyState& state() const noexcept { return applier_.state(); }
    [[nodiscard]] LogIndex reached() const noexcept { return done_; }
    [[nodiscard]] Term term() const noexcept { return term_; }

  private:
    // What is to be compacted before the next entry, if anything.
    std::optional<MainRevision> apply(const raftlog::Item& item) {
        const raft::Request request = raft::decode_request(item.entry());
        raft::Applied applied;
        try {
            applied = applier_.apply(request);
        } catch (const Error& e) {
            throw Error(e.kind(), report_.log + ": entry " + std::to_string(item.facts.index.value()) + ": " +
                                      e.what());
        }
        count(request, applied, item.facts.index);
        if (applied.compaction && open_entries_ > 0) commit();
        done_ = item.facts.index;
        term_ = item.facts.term;
        if (applied.compaction) return applied.compaction;
        sink_.write(applied);
        ++open_entries_;
        for (const raft::Change& c : applied.changes) open_bytes_ += c.key.size() + c.value.size();
        if (open_entries_ >= batch_ || open_bytes_ >= k_batch_bytes) commit();
        return std::nullopt;
    }

    void compact(MainRevision at) {
        sink_.compact(at, done_, term_);
        report_.compactions.push_back({done_, at, 0});
    }

    void commit() {
        sink_.commit(done_, term_);
        open_entries_ = 0;
        open_bytes_ = 0;
    }

    void count(const raft::Request& request, const raft::Applied& applied, LogIndex index) {
        ++report_.entries;
        ++report_.requests[std::string(name_of(request.kind))];
        if (applied.error != raft::ApplyError::none) ++report_.refused[std::string(name_of(applied.error))];
        if (!applied.changes.empty()) ++report_.revisions;
        for (const raft::Change& c : applied.changes) ++(c.tombstone ? report_.tombstones : report_.puts);
        if (applied.granted) ++report_.leases_granted;
        if (applied.revoked) ++report_.leases_revoked;
        if (applied.failed_by_range_alone) {
            stripped_.add({Finding::Severity::warning, "range-revision",
                           "entry " + std::to_string(index.value()),
                           "the transaction fails only for the revision of a range; a server up to 3.6 that "
                           "applied it without a waiting client went through with it",
                           std::nullopt});
        }
    }

    raftlog::Source& log_;
    ReplaySink& sink_;
    ReplaySurvey survey_;
    raft::Applier applier_;
    report::ReplayReport& report_;
    std::uint64_t batch_;
    LogIndex done_;
    Term term_;
    std::uint64_t open_entries_ = 0;
    std::uint64_t open_bytes_ = 0;
    FindingLog stripped_;
};

// Of a log that begins with its first entry: every revision of the store must be one that it made.
void refuse_other_rows(store::SqliteStore& store, const store::StoreHead& head, raftlog::Source& log,
                       const std::string& name) {
    const MainRevision compacted = head.pending() ? *head.scheduled : head.compacted;
    const LogIndex applied = head.consistent_index.value_or(LogIndex{0});
    if (applied == LogIndex{0} || head.current == MainRevision(1)) return;
    raft::RevisionMatch match(std::max(compacted, MainRevision(1)), head.current);
    store.each_record(MainRevision(std::max<std::int64_t>(compacted.value(), 1) + 1), head.current,
                      [&](const mvcc::Record& r) {
                          match.add_change(
                              MainRevision{r.revision.main},
                              {r.tombstone, std::string(r.key), r.lease, raft::hash_value(r.value)});
                      });
    log.each(raftlog::Want::data, [&](const raftlog::Item& item) {
        if (item.facts.index > applied) return false;
        match.add_entry(item.entry());
        return true;
    });
    match.finish();
    if (const auto revision = match.unexplained()) {
        throw Error(ErrorKind::refused,
                    name + ": another history: no entry of it can have made the store's revision " +
                        std::to_string(revision->value()) + "; nothing was changed");
    }
}

// Everything between opening and the report; the same for the forecast and the real run.
void replay_into(
    store::SqliteStore& store, raftlog::Source& log, bool shared, const ReplayOptions& o,
    const std::function<std::unique_ptr<ReplaySink>(const ReplaySurvey&, bool compacts)>& make_sink,
    Progress* progress, report::ReplayReport& r) {
    const store::StoreHead head = store.head();
    r.format = raftlog::name_of(log.header().kind);
    r.index_before = r.index_after = head.consistent_index.value_or(LogIndex{0});
    r.term = head.term;
    r.current_before = r.current_after = head.current;
    r.compacted_before = r.compacted_after = head.compacted;
    const bool empty = head.current == MainRevision(1) && !head.scheduled && store.leases().empty();
    if (!head.consistent_index && !empty) {
        throw Error(
            ErrorKind::refused,
            o.path + ": holds revisions but no consistent index: which entries it reflects is not known");
    }
    ReplaySurvey survey =
        survey_log(log, o.log, {r.index_before, head.term, head.current, store.cluster()}, o.until);
    if (survey.whole) refuse_other_rows(store, head, log, o.log);
    r.last_committed = survey.committed;
    r.notes = survey.notes;
    raft::ApplyState state = restore(store, head);
    state.alarms = survey.alarms;
    state.alarm_rule = o.alarm_rule.value_or(survey.alarm_rule);
    if (survey.both_alarms_from) {
        const bool by_set = state.alarm_rule == raft::AlarmRule::by_set;
        r.notes.warnings.push_back(
            "both alarms, NOSPACE and CORRUPT, are on from entry " +
            std::to_string(survey.both_alarms_from->value()) +
            " on: etcd up to 3.5 goes by the last alarm request alone, 3.6 by both alarms; this run goes "
            "by " +
            (by_set ? "both" : "the last request") +
            " (--etcd-version chooses; a server up to 3.5 that was started again meanwhile went by both)");
    }
    const std::unique_ptr<ReplaySink> sink = make_sink(survey, survey.compacts || head.pending());
    if (head.pending()) {
        sink->finish_pending(*head.scheduled);
        r.compactions.push_back({std::nullopt, *head.scheduled, 0});
    }
    Replay replay(log, *sink, std::move(state), std::move(survey), r, o.batch);
    replay.run(shared, progress);
    const std::vector<std::uint64_t> removed = sink->removed();
    for (std::size_t i = 0; i < removed.size(); ++i) r.compactions.at(i).removed = removed[i];
    r.index_after = replay.reached();
    if (r.entries > 0) r.term = replay.term();
    r.current_after = replay.state().current;
    r.compacted_after = std::max(replay.state().compacted, r.compacted_before);
    r.leases = replay.state().leases.size();
}

void describe(report::ReplayReport& r, const store::StoreInfo& info) {
    r.store = {info.path, std::string(name_of(info.layout)), info.file_bytes, info.page_size,
               info.free_pages};
}

void forecast(const ReplayOptions& o, Progress* progress, report::ReplayReport& r) {
    const std::unique_ptr<store::Store> opened = store::open_store(o.path, o.open);
    check_layout(opened->info());
    describe(r, opened->info());
    auto& store = dynamic_cast<store::SqliteStore&>(*opened);
    const std::unique_ptr<raftlog::Source> log = raftlog::open(o.log, o.open.timeout_ms, o.wal_dir);
    replay_into(
        store, *log, false, o,
        [&](const ReplaySurvey& survey, bool compacts) {
            return std::make_unique<ForecastSink>(store, store::choose_rules(store, o.rules).rules, survey,
                                                  compacts);
        },
        progress, r);
    r.command = o.command;
}

void execute(const ReplayOptions& o, Progress* progress, report::ReplayReport& r) {
    // A look first, so that no other layout is ever opened for writing.
    if (!store::needs_rollback(o.path)) check_layout(store::open_store(o.path, o.open)->info());
    store::OpenOptions open = o.open;
    open.waiting = progress;
    store::SqliteWritable writable = store::SqliteWritable::open(o.path, open);
    check_layout(writable.info());
    store::check_executable(writable.store());
    describe(r, writable.info());
    const bool shared = same_file(o.log, o.path);
    const std::unique_ptr<raftlog::Source> log = shared ? raftlog::open_table(writable.store().db())
                                                        : raftlog::open(o.log, o.open.timeout_ms, o.wal_dir);
    replay_into(
        writable.store(), *log, shared, o,
        [&](const ReplaySurvey&, bool) {
            return std::make_unique<StoreSink>(writable, store::choose_rules(writable.store(), o.rules).rules,
                                               progress);
        },
        progress, r);
    writable.store().refresh_info();
    describe(r, writable.info());
    writable.close();
}

}  // namespace

OptionTable replay_options() {
    return join({{{"Work",
                   {
                       word("until-index", "I", "stop behind entry I"),
                       wal_dir_option(),
                       flag("dry-run", "report what would be applied; nothing is written", 'n'),
                       word("batch", "N", "entries in one transaction (default 5000)"),
                   }}},
                 rules_options(),
                 store_options(),
                 output_options()});
}

int replay(const Args& args, Io& io) {
    const Clock::time_point start = Clock::now();
    const ReplayOptions options = parse_replay(args, io);
    report::ReplayReport r;
    r.log = options.log;
    r.executed = !options.dry_run;
    {
        const auto progress = make_progress(options.display, io);
        (options.dry_run ? forecast : execute)(options, progress.get(), r);
    }
    r.duration_ms = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
    write_notes(r.notes, "", options.display, io);
    return write_report(r, options.display, io);
}

}  // namespace kvctl::cli
