#include "tools/replay_survey.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include "kvctl/base/error.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/jobs/raft_log.hpp"
#include "kvctl/raft/auth_watch.hpp"

namespace kvctl::cli {
namespace {

std::string number(LogIndex index) {
    return std::to_string(index.value());
}

class Survey {
  public:
    Survey(std::string log, LogIndex applied, std::optional<Term> term, LogIndex limit)
        : log_(std::move(log)), applied_(applied), term_(term), limit_(limit) {}

    bool take(const raftlog::Item& item) {
        const LogIndex index = item.facts.index;
        if (index > limit_) return false;
        if (!auth_) auth_.emplace(index.value() == 1);
        if (last_seen_ && index.value() != last_seen_->value() + 1 && index > applied_) {
            fail(ErrorKind::damaged, "entry " + number(index) + " follows entry " + number(*last_seen_));
        }
        if (!last_seen_ && index.value() > applied_.value() + 1) {
            fail(ErrorKind::refused,
                 "begins at entry " + number(index) + ", but the store has applied only " +
                     (applied_.value() == 0 ? "none" : "up to entry " + number(applied_)) +
                     ": the entries between are missing");
        }
        last_seen_ = index;
        const raft::Request request = raft::decode_request(item.entry());
        if (index > applied_) {
            take_new(item, request);
        } else {
            take_applied(item, request);
        }
        return true;
    }

    void finish(ReplaySurvey& out) {
        refuse_auth();
        out.last = std::max(last_seen_.value_or(applied_), applied_);
        out.alarms = std::move(alarms_);
        out.compacts = compacts_;
        out.entries = out.last.value() - applied_.value();
        out.value_reads.assign(value_reads_.begin(), value_reads_.end());
        if (last_seen_ && *last_seen_ < applied_ && *last_seen_ < limit_) {
            out.notes.warnings.push_back("the log ends at entry " + number(*last_seen_) +
                                         ", below the store's consistent index " + number(applied_));
        }
        for (Finding& f : unknown_.take()) out.notes.findings.push_back(std::move(f));
    }

  private:
    [[noreturn]] void fail(ErrorKind kind, const std::string& what) const {
        throw Error(kind, log_ + ": " + what + "; nothing was changed");
    }

    // Authentication that was on and off again among applied entries is history.
    void refuse_auth() const {
        if (!auth_ || !auth_->enabled_by()) return;
        fail(ErrorKind::refused,
             "entry " + number(*auth_->enabled_by()) +
                 " shows that authentication is on: permissions, which a native store does not hold, then "
                 "decide what is applied");
    }

    void take_applied(const raftlog::Item& item, const raft::Request& request) {
        auth_->see(item.entry(), request);
        if (const auto* alarm = std::get_if<raft::Alarm>(&request.body)) raft::apply_alarm(*alarm, alarms_);
        if (item.facts.index == applied_ && term_ && *term_ != item.facts.term) {
            fail(ErrorKind::refused, "is of another history: entry " + number(applied_) + " has term " +
                                         std::to_string(item.facts.term.value()) +
                                         ", the store applied it in term " + std::to_string(term_->value()));
        }
    }

    void take_new(const raftlog::Item& item, const raft::Request& request) {
        const LogIndex index = item.facts.index;
        refuse_auth();
        auth_->see(item.entry(), request);
        refuse_auth();
        if (request.kind == raft::RequestKind::undecodable) {
            fail(ErrorKind::damaged, "entry " + number(index) + " does not decode");
        }
        if (request.kind == raft::RequestKind::unknown) {
            unknown_.add(
                {Finding::Severity::warning, "unknown-request", "entry " + number(index),
                 "asks for something this kvctl does not know; it is taken to have no effect on keys"});
        }
        compacts_ = compacts_ || request.kind == raft::RequestKind::compaction;
        raft::each_value_read(
            request, [&](std::string_view key, std::string_view end) { value_reads_.emplace(key, end); });
    }

    std::string log_;
    LogIndex applied_;
    std::optional<Term> term_;
    LogIndex limit_;
    std::optional<LogIndex> last_seen_;
    std::optional<raft::AuthWatch> auth_;
    raft::Alarms alarms_;
    bool compacts_ = false;
    std::set<std::pair<std::string, std::string>> value_reads_;
    FindingLog unknown_;
};

}  // namespace

ReplaySurvey survey_log(raftlog::Source& source, const std::string& log, LogIndex applied,
                        std::optional<Term> term, std::optional<LogIndex> until) {
    const raftlog::Header& header = source.header();
    if (!header.has_data) {
        throw Error(ErrorKind::refused, log +
                                            ": a dump of requests as text lacks their data; replay the wal "
                                            "directory itself, or a dump made with -raw");
    }
    ReplaySurvey out;
    LogIndex limit{std::numeric_limits<std::uint64_t>::max()};
    if (header.hard_state) {
        out.committed = header.hard_state->commit;
        limit = header.hard_state->commit;
    } else {
        out.notes.warnings.emplace_back("the log has no hard state: every entry is taken as committed");
    }
    if (until && *until > limit) {
        out.notes.warnings.push_back("--until-index " + number(*until) +
                                     " lies above the last committed entry " + number(limit));
    }
    if (until) limit = std::min(limit, *until);
    Survey survey(log, applied, term, limit);
    std::uint64_t n = 0;
    source.each(raftlog::Want::data, [&](const raftlog::Item& item) {
        if ((++n & 0xFF) == 0) check_interrupt();
        return survey.take(item);
    });
    survey.finish(out);
    Findings findings = source.findings();
    jobs::refuse_corrupt(findings, log, "such a log is not replayed, and nothing was changed");
    for (Finding& f : findings) {
        if (f.severity != Finding::Severity::info) out.notes.findings.push_back(std::move(f));
    }
    if (header.hard_state && out.last < limit && out.last >= applied) {
        out.notes.warnings.push_back("the log ends at entry " + number(out.last) + ", but entries up to " +
                                     number(header.hard_state->commit) + " are committed");
    }
    return out;
}

}  // namespace kvctl::cli
