#include "kvctl/jobs/replay.hpp"

#include <algorithm>
#include <functional>
#include <memory>

#include "kvctl/base/error.hpp"
#include "kvctl/base/files.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/jobs/facts.hpp"
#include "kvctl/jobs/raft_log.hpp"
#include "kvctl/jobs/replay_run.hpp"
#include "kvctl/raft/revision_match.hpp"
#include "kvctl/raftlog/open.hpp"
#include "kvctl/raftlog/start_up.hpp"
#include "kvctl/raftlog/table.hpp"
#include "kvctl/store/etcd_rules.hpp"
#include "kvctl/store/replay.hpp"

namespace kvctl::jobs {
namespace {

// The state of the store as its server would have it in memory after a start.
raft::ApplyState restore(store::Store& store, const store::StoreHead& head) {
    raft::ApplyState state;
    state.current = head.current;
    state.compacted = head.compaction_asked();
    for (const store::Lease& lease : store.leases()) state.leases[lease.id].ttl = lease.ttl;
    std::uint64_t n = 0;
    store::replay_rows(store)->each([&](const mvcc::Record& r, std::uint64_t) {
        if ((++n & 0xFFF) == 0) check_interrupt();
        state.restore(r.key, r.tombstone,
                      {r.create_revision, r.version, r.lease, r.revision.main, r.revision.sub});
    });
    return state;
}

// Of a log that begins with its first entry: every revision of the store must be one that it made.
void refuse_other_rows(store::Store& store, const store::StoreHead& head, raftlog::Source& log,
                       const std::string& name) {
    const MainRevision compacted = head.compaction_asked();
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
        throw Error(ErrorKind::refused, fmt::format("{}: another history: no entry of it can have made the "
                                                    "store's revision {}; nothing was changed",
                                                    name, *revision));
    }
}

// Everything between opening and the report; the same for the forecast and the real run.
void replay_into(
    store::Store& store, raftlog::Source& log, bool shared, const ReplayRequest& o,
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
            fmt::format(
                "{}: holds revisions but no consistent index: which entries it reflects is not known; "
                "replay into what 'kvctl import -o NEW DATA-DIR' makes of the log's own data dir",
                o.path));
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
        r.notes.warnings.push_back(fmt::format(
            "both alarms, NOSPACE and CORRUPT, are on from entry {} on: etcd up to 3.5 goes by the last "
            "alarm request alone, 3.6 by both alarms; this run goes by {} (--etcd-version chooses; a server "
            "up to 3.5 that was started again meanwhile went by both)",
            *survey.both_alarms_from, by_set ? "both" : "the last request"));
    }
    const std::unique_ptr<ReplaySink> sink = make_sink(survey, survey.compacts || head.pending());
    if (head.pending()) {
        sink->finish_pending(*head.scheduled);
        r.compactions.push_back({std::nullopt, *head.scheduled, 0});
    }
    ReplayRun replay(log, *sink, std::move(state), std::move(survey), r, o.batch);
    replay.run(shared, progress);
    const std::vector<std::uint64_t> removed = sink->removed();
    for (std::size_t i = 0; i < removed.size(); ++i) r.compactions.at(i).removed = removed[i];
    r.index_after = replay.reached();
    if (r.entries > 0) r.term = replay.term();
    r.current_after = replay.state().current;
    r.compacted_after = std::max(replay.state().compacted, r.compacted_before);
    r.leases = replay.state().leases.size();
    r.store = facts_of(sink->info_now());
}

report::ReplayReport start_report(const ReplayRequest& request, bool executed) {
    report::ReplayReport r;
    r.log = request.log;
    r.executed = executed;
    return r;
}

}  // namespace

raft::AlarmRule alarm_rule_of(std::string_view version) {
    const auto minor = raftlog::minor_version(version);
    return minor && *minor < std::pair(3U, 6U) ? raft::AlarmRule::by_last_request : raft::AlarmRule::by_set;
}

report::ReplayReport forecast_replay(const ReplayRequest& request, Progress* progress) {
    report::ReplayReport r = start_report(request, false);
    const std::unique_ptr<store::Store> store = store::open_store(request.path, request.open);
    store::check_replayable(*store);
    store->check_executable(r.notes.findings);
    const mvcc::CompactionRules rules = store::choose_rules(*store, request.rules).rules;
    const auto log = raftlog::open(request.log, request.open.timeout_ms, request.wal_dir);
    refuse_dqlite(log->header());
    replay_into(
        *store, *log, false, request,
        [&](const ReplaySurvey& survey, bool compacts) {
            return std::make_unique<ForecastSink>(*store, rules, survey, compacts);
        },
        progress, r);
    return r;
}

report::ReplayReport replay(const ReplayRequest& request, Progress* progress) {
    report::ReplayReport r = start_report(request, true);
    // A look first, so that no other layout is ever opened for writing.
    if (!store::needs_rollback(request.path))
        store::check_replayable(*store::open_store(request.path, request.open));
    store::OpenOptions open = request.open;
    open.waiting = progress;
    const std::unique_ptr<store::WritableStore> writable = store::open_writable(request.path, open);
    store::Store& store = writable->store();
    store.check_executable(r.notes.findings);
    const bool shared = same_file(request.log, store.info().real_path);
    const std::unique_ptr<raftlog::Source> log =
        shared ? raftlog::open_table(*store.log_place().table)
               : raftlog::open(request.log, request.open.timeout_ms, request.wal_dir);
    refuse_dqlite(log->header());
    const mvcc::CompactionRules rules = store::choose_rules(store, request.rules).rules;
    replay_into(
        store, *log, shared, request,
        [&](const ReplaySurvey&, bool) { return std::make_unique<StoreSink>(*writable, rules, progress); },
        progress, r);
    writable->close();
    return r;
}

}  // namespace kvctl::jobs
