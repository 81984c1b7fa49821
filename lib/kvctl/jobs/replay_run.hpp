#pragma once
#include <cstdint>
#include <optional>

#include "kvctl/base/finding.hpp"
#include "kvctl/base/progress.hpp"
#include "kvctl/jobs/replay_sink.hpp"
#include "kvctl/jobs/replay_survey.hpp"
#include "kvctl/raft/apply.hpp"
#include "kvctl/raftlog/source.hpp"
#include "kvctl/report/replay_report.hpp"

namespace kvctl::jobs {

/// One run over a log: entries are decoded and applied, and what comes of them goes to a sink, in
/// transactions of `batch` entries.
class ReplayRun {
  public:
    ReplayRun(raftlog::Source& log, ReplaySink& sink, raft::ApplyState state, ReplaySurvey survey,
              report::ReplayReport& report, std::uint64_t batch)
        : log_(log),
          sink_(sink),
          survey_(std::move(survey)),
          applier_(std::move(state),
                   [&sink](std::string_view key, const raft::LiveKey& row) { return sink.value(key, row); }),
          report_(report),
          batch_(batch),
          done_(report.index_before) {}

    /// `shared`: the log is read through the connection that writes, so reading ends before a compaction.
    void run(bool shared, Progress* progress);

    [[nodiscard]] const raft::ApplyState& state() const noexcept { return applier_.state(); }
    [[nodiscard]] LogIndex reached() const noexcept { return done_; }
    [[nodiscard]] Term term() const noexcept { return term_; }

  private:
    /// What is to be compacted before the next entry, if anything.
    std::optional<MainRevision> apply(const raftlog::Item& item);
    void compact(MainRevision at);
    void commit();
    void count(const raft::Request& request, const raft::Applied& applied, LogIndex index);

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

}  // namespace kvctl::jobs
