#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "kvctl/base/finding.hpp"
#include "kvctl/mvcc/rules.hpp"
#include "kvctl/raft/revision_match.hpp"
#include "kvctl/raftlog/source.hpp"
#include "kvctl/report/raft_report.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::jobs {

/// The store a raft log is held against (--store).
class StoreView {
  public:
    /// Opens it for reading. Throws `refused` for a kine store, which has no raft log behind it.
    StoreView(const std::string& path, const store::OpenOptions& options,
              const std::optional<mvcc::CompactionRules>& rules);

    [[nodiscard]] std::optional<LogIndex> consistent_index() const noexcept { return head_.consistent_index; }
    [[nodiscard]] store::Store& store() noexcept { return *store_; }

    /// Reads the applied entries of `log` and the rows above the compact revision, and lays one beside the
    /// other.
    void match(raftlog::Source& log);

    /// Behind match(): the revision an entry made, where it made one and its rows are still there.
    [[nodiscard]] std::optional<std::int64_t> revision_of(LogIndex index) const;
    /// Behind match().
    [[nodiscard]] report::RaftReport::StoreCheck check() const;
    [[nodiscard]] Findings findings() const { return findings_.take(); }

  private:
    void check_compactions(const raftlog::Header& log);
    void check_tombstones();

    std::unique_ptr<store::Store> store_;
    store::StoreHead head_;
    std::optional<mvcc::CompactionRules> rules_;
    std::optional<raft::RevisionMatch> match_;
    FindingLog findings_;
};

}  // namespace kvctl::jobs
