#include "kvctl/jobs/replay_survey.hpp"

#include <algorithm>
#include <set>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/jobs/raft_log.hpp"
#include "kvctl/raft/auth_watch.hpp"
#include "kvctl/raft/belonging.hpp"

namespace kvctl::jobs {
namespace {

raft::Belonging belonging(const ReplayBase& base, const raftlog::Header& header) {
    raft::Belonging::Store store;
    for (const auto& [id, standing] : base.cluster.members) store.members.insert(id);
    store.cluster_id = base.cluster.cluster_id;
    store.members_at = base.cluster.members_at;
    store.applied = base.applied;
    store.current = base.current;
    return {std::move(store), {header.node_id, header.cluster_id, header.restored}};
}

class Survey {
  public:
    Survey(std::string log, const ReplayBase& base, const raftlog::Header& header,
           std::optional<LogIndex> until)
        : log_(std::move(log)),
          applied_(base.applied),
          term_(base.term),
          until_(until),
          belonging_(belonging(base, header)),
          commit_(raftlog::known_commit(header, base.applied)),
          all_committed_(!header.hard_state) {}

    bool take(const raftlog::Item& item) {
        const LogIndex index = item.facts.index;
        const raft::Request request = raft::decode_request(item.entry());
        belonging_.see(item.entry(), request.kind);
        const bool committed = commit_.see(item.entry()) || all_committed_;
        if (!committed) ++uncommitted_;
        if (!committed || (until_ && index > *until_)) return true;
        if (!auth_) auth_.emplace(index.value() == 1);
        if (last_seen_ && index.value() != last_seen_->value() + 1 && index > applied_) {
            fail(ErrorKind::damaged, fmt::format("entry {} follows entry {}", index, *last_seen_));
        }
        if (!last_seen_ && index.value() > applied_.value() + 1) {
            fail(ErrorKind::refused,
                 fmt::format(
                     "begins at entry {}, but the store has applied only {}: the entries between are missing",
                     index, applied_.value() == 0 ? "none" : fmt::format("up to entry {}", applied_)));
        }
        last_seen_ = index;
        follow_alarms(index, request);
        if (index > applied_) {
            take_new(item, request);
        } else {
            take_applied(item, request);
        }
        return true;
    }

    void finish(ReplaySurvey& out) {
        if (const auto fault = belonging_.fault()) fail(ErrorKind::refused, "another history: it " + *fault);
        refuse_auth();
        out.last = std::max(last_seen_.value_or(applied_), applied_);
        if (!all_committed_) out.committed = commit_.last();
        out.alarms = std::move(alarms_);
        if (old_writer_) out.alarm_rule = raft::AlarmRule::by_last_request;
        out.both_alarms_from = both_alarms_from_;
        out.compacts = compacts_;
        out.whole = belonging_.whole();
        out.entries = out.last.value() - applied_.value();
        out.value_reads.assign(value_reads_.begin(), value_reads_.end());
        if (all_committed_) {
            out.notes.warnings.emplace_back("the log has no hard state: every entry is taken as committed");
        }
        if (out.committed && until_ && *until_ > *out.committed) {
            out.notes.warnings.push_back(fmt::format(
                "--until-index {} lies above the last committed entry {}", *until_, *out.committed));
        }
        if (last_seen_ && *last_seen_ < applied_ && (!until_ || *last_seen_ < *until_)) {
            out.notes.warnings.push_back(fmt::format(
                "the log ends at entry {}, below the store's consistent index {}", *last_seen_, applied_));
        }
        if (uncommitted_ > 0 && out.committed) {
            const bool one = uncommitted_ == 1;
            out.notes.warnings.push_back(
                fmt::format("{} {} behind entry {} {} not known to be committed and left out: only the other "
                            "members can tell",
                            uncommitted_, one ? "entry" : "entries", *out.committed, one ? "is" : "are"));
        } else if (out.committed && !until_ && out.last < *out.committed && out.last >= applied_) {
            out.notes.warnings.push_back(fmt::format(
                "the log ends at entry {}, but entries up to {} are committed", out.last, *out.committed));
        }
        for (Finding& f : unknown_.take()) out.notes.findings.push_back(std::move(f));
    }

    [[nodiscard]] std::optional<LogIndex> committed() const noexcept { return commit_.last(); }

  private:
    [[noreturn]] void fail(ErrorKind kind, const std::string& what) const {
        throw Error(kind, fmt::format("{}: {}; nothing was changed", log_, what));
    }

    // Authentication that was on and off again among applied entries is history.
    void refuse_auth() const {
        if (!auth_ || !auth_->enabled_by()) return;
        fail(ErrorKind::refused, fmt::format("entry {} shows that authentication is on: permissions, which a "
                                             "native store does not hold, then decide what is applied",
                                             *auth_->enabled_by()));
    }

    // Which requests two alarms hold up depends on the release. Up to 3.5 a server publishes its attributes
    // as a request of the old API, from 3.6 on as one of the new.
    void follow_alarms(LogIndex index, const raft::Request& request) {
        if (!both_alarms_from_ && request.kind == raft::RequestKind::v2) old_writer_ = true;
        if (!both_alarms_from_ && request.kind == raft::RequestKind::cluster_member_attr_set)
            old_writer_ = false;
        if (const auto* alarm = std::get_if<raft::Alarm>(&request.body)) all_alarms_.apply(*alarm);
        if (!both_alarms_from_ && all_alarms_.both_are_on()) both_alarms_from_ = index;
    }

    void take_applied(const raftlog::Item& item, const raft::Request& request) {
        auth_->see(item.entry(), request);
        if (const auto* alarm = std::get_if<raft::Alarm>(&request.body)) alarms_.apply(*alarm);
        if (item.facts.index == applied_ && term_ && *term_ != item.facts.term) {
            fail(ErrorKind::refused,
                 fmt::format("is of another history: entry {} has term {}, the store applied it in term {}",
                             applied_, item.facts.term, *term_));
        }
    }

    void take_new(const raftlog::Item& item, const raft::Request& request) {
        const LogIndex index = item.facts.index;
        refuse_auth();
        auth_->see(item.entry(), request);
        refuse_auth();
        if (request.kind == raft::RequestKind::undecodable) {
            fail(ErrorKind::damaged, fmt::format("entry {} does not decode", index));
        }
        if (request.kind == raft::RequestKind::unknown) {
            unknown_.add(
                {Finding::Severity::warning, "unknown-request", fmt::format("entry {}", index),
                 "asks for something this kvctl does not know; it is taken to have no effect on keys"});
        }
        compacts_ = compacts_ || request.kind == raft::RequestKind::compaction;
        raft::each_value_read(
            request, [&](std::string_view key, std::string_view end) { value_reads_.emplace(key, end); });
    }

    std::string log_;
    LogIndex applied_;
    std::optional<Term> term_;
    std::optional<LogIndex> until_;
    raft::Belonging belonging_;
    raft::CommitWatch commit_;
    bool all_committed_;
    std::uint64_t uncommitted_ = 0;
    std::optional<LogIndex> last_seen_;
    std::optional<raft::AuthWatch> auth_;
    raft::Alarms alarms_;      ///< of applied entries
    raft::Alarms all_alarms_;  ///< of those to apply too
    std::optional<LogIndex> both_alarms_from_;
    bool old_writer_ = false;  ///< etcd up to 3.5
    bool compacts_ = false;
    std::set<std::pair<std::string, std::string>> value_reads_;
    FindingLog unknown_;
};

}  // namespace

ReplaySurvey survey_log(raftlog::Source& source, const std::string& log, const ReplayBase& base,
                        std::optional<LogIndex> until) {
    const raftlog::Header& header = source.header();
    if (!header.has_data) {
        throw Error(ErrorKind::refused, log +
                                            ": a dump of requests as text lacks their data; replay the wal "
                                            "directory itself, or a dump made with -raw");
    }
    ReplaySurvey out;
    Survey survey(log, base, header, until);
    std::uint64_t n = 0;
    source.each(raftlog::Want::data, [&](const raftlog::Item& item) {
        if ((++n & 0xFF) == 0) check_interrupt();
        return survey.take(item);
    });
    survey.finish(out);
    Findings findings = raftlog::findings_of(source, survey.committed(), base.applied);
    refuse_corrupt(findings, log, "such a log is not replayed, and nothing was changed");
    for (Finding& f : findings) {
        if (f.severity != Finding::Severity::info) out.notes.findings.push_back(std::move(f));
    }
    return out;
}

}  // namespace kvctl::jobs
