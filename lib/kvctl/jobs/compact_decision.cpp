#include "kvctl/jobs/compact_decision.hpp"

#include <algorithm>

#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/files.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/jobs/compact_target.hpp"
#include "kvctl/jobs/plan_check.hpp"
#include "kvctl/jobs/raft_log.hpp"
#include "kvctl/mvcc/refusals.hpp"
#include "kvctl/raftlog/open.hpp"
#include "kvctl/store/cluster.hpp"
#include "kvctl/store/convert.hpp"
#include "kvctl/store/etcd_rules.hpp"
#include "kvctl/store/live.hpp"

namespace kvctl::jobs {
namespace {

std::unique_ptr<raftlog::Source> open_log(store::Store& store, const CompactRequest& request) {
    const int timeout_ms = request.open.timeout_ms;
    if (!request.raft_log) {
        auto own = log_of(store, timeout_ms, request.wal_dir);
        if (own == nullptr && request.compacts_raft()) {
            throw usage_error(request.path + ": --raft-index: the store holds no raft log");
        }
        return own;
    }
    // Opening the store once more and closing it again would drop the locks this process holds on it.
    if (!same_file(*request.raft_log, store.info().real_path))
        return raftlog::open(*request.raft_log, timeout_ms);
    auto own = log_of(store, timeout_ms, request.wal_dir);
    if (own == nullptr)
        throw Error(ErrorKind::not_a_store, *request.raft_log + ": the store holds no raft log");
    return own;
}

void read_raft_log(store::Store& store, const CompactRequest& request, Decision& d) {
    const bool own = !request.raft_log;
    const std::unique_ptr<raftlog::Source> source = open_log(store, request);
    if (source == nullptr) return;
    LogTarget target{request.raft_index, request.raft_index_auto, request.raft_keep};
    // Too little to gain: then the log stays as well.
    if (d.too_little_gain) target = {std::nullopt, false, request.raft_keep};
    LogReading reading = read_log(*source, own ? "store" : *request.raft_log, target, d.head.consistent_index,
                                  release_of(store), owner_of(store, source->header()));
    d.log = std::move(reading.facts);
    if (own) d.raft_compact_to = reading.compact_to;
    // A native store's log is in its file, and so in a copy.
    const bool stays =
        store.log_place().table != nullptr && !(converts(store, request) && d.log->before.entries > 0);
    if (own && request.output && !stays && store.traits().etcd_log)
        d.notes.warnings.push_back(log_left_out(store, request.to.value_or(store::TargetKind::bbolt)));
    for (std::string& w : reading.warnings) d.notes.warnings.push_back(std::move(w));
    for (const Finding& f : reading.findings) {
        if (f.severity == Finding::Severity::info) continue;
        if (f.code == "snap-db-missing" || f.code == "foreign-log") d.log_is_applied = false;
        d.notes.warnings.push_back(
            fmt::format("raft log: {}{}", f.where.empty() ? "" : f.where + ": ", f.what));
    }
}

store::MemberChange member_change(const CompactRequest& request, const Decision& d) {
    return {!request.output, d.kind == Decision::Kind::compact, request.disarm, request.all_members,
            request.voter};
}

void warn(store::Store& store, const CompactRequest& request, bool executes, Decision& d) {
    std::vector<std::string>& w = d.notes.warnings;
    for (Finding& f : store.notices()) w.push_back(std::move(f.what));
    const std::string run = executes ? "this run" : "the next real run";
    if (d.head.pending() && d.head.marked_by_restore) {
        d.notes.findings.push_back({Finding::Severity::info, "restore-mark", "",
                                    fmt::format("{}; {} carries it out first", d.head.pending_text(), run)});
    } else if (d.head.pending()) {
        w.push_back(fmt::format("{}; {} finishes it first", d.head.pending_text(), run));
    }
    for (std::string& sentence : d.model->warnings(d.head, d.plan, d.kind == Decision::Kind::compact))
        w.push_back(std::move(sentence));
    if (!converts(store, request)) {
        for (std::string& sentence : store.member_notes(member_change(request, d)))
            w.push_back(std::move(sentence));
    }
    if (d.kind == Decision::Kind::compact) {
        if (std::string all = one_revision_for_all(store, request, d.plan.target); !all.empty())
            w.push_back(std::move(all));
    }
    if (store.info().journal_bytes > 0)
        w.emplace_back("a -journal lies beside the store: a transaction was cut short");
    for (const mvcc::Revision& r : d.plan.lost_live) d.notes.findings.push_back(mvcc::lost_live_finding(r));
}

// Less to gain than is worth it. Shrinking alone is work as well, and so is an alarm, an entry or a value
// that goes.
void weigh_gain(const store::StoreInfo& info, const CompactRequest& request, Decision& d) {
    const bool works = d.kind == Decision::Kind::compact || request.vacuum || d.disarms ||
                       request.compacts_raft() || request.drop_old_values;
    if (!request.min_gain || !works) return;
    const std::uint64_t after = d.shrunk_bytes.value_or(info.file_bytes);
    const std::uint64_t gain = info.file_bytes > after ? info.file_bytes - after : 0;
    if (gain >= request.min_gain->of(info.file_bytes)) return;
    d.too_little_gain = true;
    d.disarms = false;
    if (!d.head.pending()) {
        d.kind = Decision::Kind::below_min_gain;
        // What the run does from now on: nothing. The target stays what was asked for.
        const MainRevision asked = d.plan.target;
        d.plan = mvcc::plan_compaction(*d.index, input_of(d.head), d.head.compacted);
        d.plan.target = asked;
        return;
    }
    // As etcd does at its start: what was begun is finished, whatever it gains.
    d.plan = mvcc::plan_compaction(*d.index, input_of(d.head), *d.head.scheduled);
    d.shrunk_bytes = shrunk_bytes(d, request, d.plan);
    d.notes.warnings.emplace_back("less than --min-gain to gain: only the pending compaction is finished");
}

void count_old_values(const CompactRequest& request, Decision& d) {
    if (!request.drop_old_values || d.kind == Decision::Kind::below_min_gain) return;
    report::OldValues found;
    for (const std::uint32_t n : d.model->old_value_bytes(d.plan)) {
        found.values += n > 0 ? 1 : 0;
        found.bytes += n;
    }
    if (d.kind == Decision::Kind::compact || found.values > 0) d.old_values = found;
}

// Options that the layout has no use for, or no way to follow.
void check_options(const store::Store& store, const CompactRequest& request) {
    const auto refuse = [&](bool given, const char* option, const char* why) {
        if (given) throw usage_error(fmt::format("{}: {}: {}", request.path, option, why));
    };
    const store::Traits& traits = store.traits();
    if (!traits.in_place) {
        refuse(request.batch.has_value(), "--batch", "such a store is written anew, in one go");
        refuse(request.strategy == store::Strategy::in_place, "--strategy in-place",
               "such a store is only ever written anew");
    }
    refuse(traits.member && request.compacts_raft() && !request.raft_log, "--raft-index",
           "an etcd WAL is never written");
    refuse(request.live && !store.traits().live, "--live",
           "only a kine store is compacted beside its server");
    refuse(traits.names_cluster && request.compacts_raft() && !request.raft_log, "--raft-index",
           "a new dqlite directory has no log but its snapshot");
    refuse(!traits.names_cluster && request.voter.has_value(), "--voter",
           "only a dqlite directory names the members of its cluster");
    refuse(!traits.member && request.disarm, "--disarm", "only an etcd db holds alarms");
    refuse(!traits.member && request.all_members, "--all-members", "only an etcd db has members");
    for (const auto& [given, option] : {std::pair(request.target_size.has_value(), "--target-size"),
                                        std::pair(request.min_gain.has_value(), "--min-gain")}) {
        refuse(given && converts(store, request), option,
               "how large a store of another layout becomes is not foretold");
    }
}

// Clients of a running server may be as far behind as it allows them.
MainRevision live_target(MainRevision asked, Decision& d) {
    const MainRevision highest = highest_live_target(d.head);
    if (asked <= highest) return asked;
    d.notes.warnings.push_back(fmt::format(
        "beside a running server the newest 1,000 revisions stay: the target is {}, not {}", highest, asked));
    return highest;
}

// The command that shrinks the file and does nothing else.
std::string shrinking(const store::Store& store, const CompactRequest& request) {
    const std::string& path = store.info().path;
    if (!store.traits().names_cluster) return command_on(path, "vacuum");
    return command_on(path, fmt::format("compact --target-size {} -o NEWDIR", *request.target_size));
}

// What a server on a data dir does with its log once the db is another.
void note_log_behind(store::Store& store, const CompactRequest& request, Decision& d) {
    if (!store.traits().member || !d.log || request.raft_log || request.output) return;
    const std::uint64_t applied = d.head.consistent_index.value_or(LogIndex{0}).value();
    const std::uint64_t last = d.log->before.last_index.value();
    const std::uint64_t behind = last > applied ? last - applied : 0;
    const std::string entries = many(behind, "entry");
    if (!d.log_is_applied) {
        d.notes.warnings.emplace_back("the WAL stays as it is");
        return;
    }
    d.notes.warnings.push_back(
        fmt::format("the WAL stays as it is: a server applies {}",
                    behind == 0 ? "nothing of it again"
                                : fmt::format("{} behind index {} at its start", entries, applied)));
    if (request.disarm && behind > 0)
        d.notes.warnings.emplace_back("one of those entries may raise the alarm again");
}

}  // namespace

bool converts(const store::Store& store, const CompactRequest& request) noexcept {
    return request.to && (store.traits().member || name_of(*request.to) != name_of(store.info().layout));
}

void check_request(store::Store& store, const CompactRequest& request, const Decision& d) {
    // What a dqlite directory says of its cluster is in no store of another layout.
    if (!store.traits().names_cluster || !converts(store, request))
        store.check_member_change(member_change(request, d));
    if (converts(store, request))
        store::check_target({*request.to, {}, false, false, request.renumber}, *d.index, d.plan,
                            request.path);
}

std::string one_revision_for_all(store::Store& store, const CompactRequest& request, MainRevision at) {
    if (!request.all_members || request.rev) return {};
    const store::Cluster cluster = store.cluster();
    const auto members = std::count_if(cluster.members.begin(), cluster.members.end(),
                                       [](const auto& m) { return m.second != store::Standing::removed; });
    if (members < 2) return {};
    return fmt::format("each member counts from where it stands, which may differ: give all of them --rev {}",
                       at);
}

Decision decide(store::Store& store, const CompactRequest& request, bool executes, Progress* progress) {
    const store::StoreInfo& info = store.info();
    const store::RuleChoice choice = rules_of(store, request.rules, request.wal_dir);
    if (request.drop_old_values && !store.traits().old_values)
        throw usage_error(info.path + ": --drop-old-values: only a kine store has old values");
    check_options(store, request);
    Decision d;
    d.head = store.head();
    MainRevision target = target_of(info, request, d.head);
    if (request.live) target = live_target(target, d);
    store.check_compactable(d.head);
    d.index = std::make_unique<mvcc::TreeIndex>(store.load(choice.rules, d.notes.findings, progress));
    for (Finding& f : store.structure_faults(progress)) d.notes.findings.push_back(std::move(f));
    d.model = store.model(*d.index);
    d.disarms = request.disarm && store.space_alarm();
    if (request.target_size) {
        plan_for_size(info, request, d);
        const bool shrinks = request.vacuum || request.output;
        if (d.kind == Decision::Kind::already_fits && !shrinks &&
            info.bytes_with_wal() > *request.target_size)
            d.fits_by = shrinking(store, request);
    } else {
        d.plan = mvcc::plan_compaction(*d.index, input_of(d.head), target);
    }
    if (d.kind == Decision::Kind::compact && d.plan.kind == mvcc::CompactionPlan::Kind::already_compacted)
        d.kind = Decision::Kind::already_compacted;
    d.shrunk_bytes = shrunk_bytes(d, request, d.plan);
    if (converts(store, request)) d.shrunk_bytes.reset();  // another file than the model knows
    weigh_gain(info, request, d);
    count_old_values(request, d);
    if (converts(store, request)) {
        const mvcc::Tally& kept = d.plan.kept;
        const std::uint64_t cleared = d.old_values ? d.old_values->bytes : 0;
        d.converted_bytes =
            store::least_bytes(store, *request.to, kept.revisions - kept.gaps, kept.bytes - cleared);
    }
    d.strategy = strategy_for(*d.model, request, d.plan);
    for (Finding& f : index_damage(*d.index)) d.notes.findings.push_back(std::move(f));
    read_raft_log(store, request, d);
    warn(store, request, executes, d);
    note_log_behind(store, request, d);
    if (d.kind == Decision::Kind::compact) {
        if (auto line = store::both_outcomes(choice, *d.index, d.plan.compacted_after))
            d.notes.warnings.push_back(std::move(*line));
    }
    return d;
}

void check_decision(const store::StoreInfo& info, const Decision& d) {
    check_plan(info.path, *d.index, d.notes.findings, d.plan, "nothing was changed");
}

}  // namespace kvctl::jobs
