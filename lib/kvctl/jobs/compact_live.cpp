#include "kvctl/jobs/compact_live.hpp"

#include <algorithm>
#include <chrono>

#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/files.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/jobs/compact_parts.hpp"
#include "kvctl/jobs/compact_target.hpp"
#include "kvctl/store/live.hpp"
#include "kvctl/store/live_pace.hpp"
#include "kvctl/store/temp_file.hpp"

namespace kvctl::jobs {
namespace {

using Clock = std::chrono::steady_clock;

// kine's own: as long as a server's writer waits for this process, this process waits for the server.
constexpr int k_timeout_ms = 30000;

// VACUUM keeps writers out from beginning to end; measured: 200 MB in 2.4 s.
constexpr std::uint64_t k_vacuum_bytes_per_second = 80 << 20;
constexpr std::uint64_t k_vacuum_seconds = 10;

std::string how_far(const store::LiveCompaction::State& state, const mvcc::CompactionPlan& plan) {
    return fmt::format(
        "compacted to revision {} of {}, {} of {} revisions deleted; the same command goes on from there",
        state.compacted, plan.compacted_after, group_digits(state.deleted),
        group_digits(plan.removed.revisions));
}

report::LiveWork work_of(const store::LiveCompaction::State& state, std::uint64_t unchanged) {
    const auto longest = std::chrono::ceil<std::chrono::milliseconds>(state.longest);
    return {report::LiveWork::Counts{state.transactions, static_cast<std::uint64_t>(longest.count()),
                                     state.busy_retries, state.foreign, unchanged}};
}

// Rows that are still there stay.
void keep_what_stayed(const mvcc::TreeIndex& index, const mvcc::SlotSet& gone, mvcc::CompactionPlan& plan) {
    std::vector<mvcc::Slot> there;
    std::vector<bool> key_stays(index.key_count());
    index.for_each_row(0, index.slot_end(), [&](mvcc::Slot s) {
        const mvcc::KeyId key = index.key_of(s);
        if (!plan.removed_slots.contains(s)) {
            if (key < mvcc::k_gap_key) key_stays[key] = true;
        } else if (!gone.contains(s)) {
            there.push_back(s);
        }
    });
    for (const mvcc::Slot s : there) {
        const auto back = [](std::uint64_t& removed, std::uint64_t& kept, std::uint64_t n = 1) {
            removed -= n;
            kept += n;
        };
        plan.removed_slots.erase(s);
        back(plan.removed.revisions, plan.kept.revisions);
        back(plan.removed.bytes, plan.kept.bytes, index.bytes_of(s));
        const mvcc::KeyId key = index.key_of(s);
        if (key == mvcc::k_gap_key) back(plan.removed.gaps, plan.kept.gaps);
        if (key >= mvcc::k_gap_key) continue;
        if (index.is_tombstone(s)) back(plan.removed.tombstones, plan.kept.tombstones);
        if (plan.orphans.contains(s)) --plan.removed.orphans;
        plan.orphans.erase(s);
        if (!key_stays[key] && !index.key_index(key).empty()) back(plan.removed.keys, plan.kept.keys);
        key_stays[key] = true;
    }
}

// The plan of what was reached: every number is that of a compaction to just there, without the rows that
// this one did not come to.
void plan_what_was_done(const store::LiveCompaction& run, Decision& d) {
    const MainRevision reached = std::min(run.state().compacted, d.plan.current);
    if (reached != d.plan.compacted_after) {
        const MainRevision target = d.plan.target;
        d.plan = mvcc::plan_compaction(*d.index, input_of(d.head), reached);
        d.plan.compacted_after = reached;
        d.plan.target = target;
    }
    keep_what_stayed(*d.index, run.gone(), d.plan);
}

void note_others(const std::string& path, const store::LiveCompaction::State& state,
                 const store::LiveCompaction::Difference& found, std::vector<std::string>& w) {
    if (state.foreign > 0) {
        w.push_back(fmt::format("another compaction was at work meanwhile, {}: its revision was taken over",
                                many(state.foreign, "time")));
    }
    if (state.gone_before > 0) {
        w.push_back(fmt::format("{} of those removed went by another compaction",
                                many(state.gone_before, "revision")));
    }
    if (state.complete && found.left > 0)
        w.push_back(
            fmt::format("{} that can go stayed behind that compaction", many(found.left, "revision")));
    if (found.gone > 0) {
        w.push_back(fmt::format(
            "{} that stay for readers are gone, and no compact revision says so: kine 0.11.9 to "
            "0.13.15 compacts like that when it is asked to, and any kine where a row points into "
            "another key; else see {}",
            many(found.gone, "revision"), command_on(path, "check")));
    }
}

// Shrinks the file where that keeps writers out for seconds at the most. False: it was left out, and a line
// says why.
bool vacuum(store::LiveStore& live, const Decision& d, Progress* progress, report::Notes& notes) {
    const store::StoreInfo& info = live.store().info();
    const std::uint64_t used = d.shrunk_bytes.value_or((info.pages - info.free_pages) * info.page_size);
    const std::uint64_t seconds = used / k_vacuum_bytes_per_second;
    if (seconds >= k_vacuum_seconds) {
        notes.warnings.push_back(fmt::format(
            "--vacuum was left out: it would keep the server's writers waiting for about {} s ({} while the "
            "server is stopped; kine since 0.14.15 does it at its start)",
            seconds, command_on(info.path, "vacuum")));
        return false;
    }
    if (progress != nullptr) progress->update("vacuum", 0, 0);
    if (!live.shrink()) {
        notes.warnings.emplace_back(
            "the -wal stays as it is, since somebody is reading from it: its server moves it into the file");
    }
    return true;
}

// The work, from the first transaction to the last look; returns whether the plan was carried out to its end.
class Work {
  public:
    Work(store::LiveStore& live, Decision& d, const CompactRequest& request, Clock::time_point begun,
         Progress* progress)
        : live_(live), d_(d), request_(request), begun_(begun), progress_(progress) {}

    // Returns false where time was up.
    bool run(report::CompactionReport& r, Provisional& made) {
        store::LiveTerms terms{request_.batch, request_.live->pause};
        if (const auto time = request_.live->max_time) terms.until = begun_ + *time;
        const auto run = live_.compaction(*d_.index, d_.plan, terms, progress_);
        try {
            run->work();
            r.live = work_of(run->state(), settle(*run, made));
        } catch (const Error& e) {
            fail(e, *run, made);
        }
        return run->state().complete;
    }

  private:
    // Returns how many rows that stay are as they were.
    std::uint64_t settle(store::LiveCompaction& run, Provisional& made) {
        if (progress_ != nullptr) progress_->update("comparing", 0, 0);
        const store::LiveCompaction::Difference found = run.verify();
        compared_ = true;
        note_others(request_.path, run.state(), found, d_.notes.warnings);
        plan_what_was_done(run, d_);
        d_.shrunk_bytes = shrunk_bytes(d_, request_, d_.plan);
        write_list(request_, d_, made);
        return found.same;
    }

    // What was done stays, and the list names it.
    [[noreturn]] void fail(const Error& e, const store::LiveCompaction& run, Provisional& made) {
        if (run.state().transactions == 0) throw;
        made.keep();
        std::string far = how_far(run.state(), d_.plan);
        plan_what_was_done(run, d_);
        try {
            write_list(request_, d_, made);
            made.keep();
        } catch (const Error& list) {
            far += fmt::format("; there is no list: {}", list.what());
        }
        if (!compared_ && e.kind() != ErrorKind::damaged)
            far += "; what stays was not compared with what it was before";
        throw Error(e.kind(), fmt::format("{}; {}", e.what(), far));
    }

    store::LiveStore& live_;
    Decision& d_;
    const CompactRequest& request_;
    Clock::time_point begun_;
    Progress* progress_;
    bool compared_ = false;
};

// The same behind a compaction, which is done whatever comes of it.
bool vacuum_behind(store::LiveStore& live, const Decision& d, Progress* progress, report::Notes& notes) {
    try {
        return vacuum(live, d, progress, notes);
    } catch (const Error& e) {
        if (d.kind != Decision::Kind::compact) throw;
        throw Error(e.kind(), fmt::format("compacted to revision {}; the file is not shrunk: {}",
                                          d.plan.compacted_after, e.what()));
    }
}

}  // namespace

CompactResult compact_live(const CompactRequest& request, Progress* progress) {
    const Clock::time_point begun = Clock::now();
    if (request.backup) store::expect_new(*request.backup);
    if (request.list_file) store::expect_new(*request.list_file);
    const std::unique_ptr<store::LiveStore> opened =
        store::open_live(request.path, request.open, request.live->timeout_ms.value_or(k_timeout_ms));
    store::LiveStore& live = *opened;
    Decision d;
    live.at_one_moment([&] { d = decide(live.store(), request, true, progress); });
    const store::StoreInfo info = live.store().info();
    check_decision(info, d);
    report::CompactionReport r = start_report(info, request, true);
    r.live = report::LiveWork{report::LiveWork::Counts{}};
    r.predicted = false;
    Provisional made;
    bool complete = true;
    if (d.changes(request.vacuum)) {
        refuse_without_space(live.store(), d, request, true);
        if (request.backup) {
            live.backup(*request.backup, progress);
            made.add(*request.backup);
        }
    }
    if (d.kind == Decision::Kind::compact) {
        complete = Work(live, d, request, begun, progress).run(r, made);
    } else {
        write_list(request, d, made);
    }
    made.keep();
    if (!complete) r.result = "partly";
    r.shrinks = request.vacuum && complete && d.may_shrink() && vacuum_behind(live, d, progress, d.notes);
    if (request.vacuum && !complete)
        d.notes.warnings.emplace_back("--vacuum was left out: time was up before all was removed");
    live.close();
    r.file_after = file_size(info.real_path);
    if (r.shrinks) r.file_after_vacuum = r.file_after;
    return finish(std::move(r), std::move(d));
}

}  // namespace kvctl::jobs
