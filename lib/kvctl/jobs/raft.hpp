#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/base/strong.hpp"
#include "kvctl/mvcc/rules.hpp"
#include "kvctl/raft/entry.hpp"
#include "kvctl/raft/request.hpp"
#include "kvctl/report/raft_report.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::jobs {

/// A raft log, and what it is held against.
struct RaftRequest {
    std::string log;
    std::optional<std::string> store{};    ///< held against this store; nullopt: the db of its data directory
    std::optional<std::string> wal_dir{};  ///< where the log of an etcd data dir lies elsewhere
    store::OpenOptions open{};
    std::optional<mvcc::CompactionRules> rules{};
    std::optional<std::string> version{};  ///< of the etcd that is to start on it; nullopt: as it says
};

/// Which entries are listed.
struct RaftFilter {
    std::optional<LogIndex> start{};
    std::optional<LogIndex> end{};
    std::optional<raft::EntryType> type{};
    std::optional<Term> term{};
    std::optional<raft::RequestKind> request{};

    [[nodiscard]] bool filters() const noexcept { return start || end || type || term || request; }
    [[nodiscard]] bool keeps(const raft::EntryFacts& e) const noexcept {
        return (!start || e.index >= *start) && (!end || e.index <= *end) && (!type || e.type == *type) &&
               (!term || e.term == *term) && (!request || e.request == *request);
    }
};

/// A log that was opened, for one of the two things that are done with it.
class RaftLog {
  public:
    /// Throws as raftlog::open() does, and refused for a store that has no raft log behind it.
    explicit RaftLog(const RaftRequest& request);
    RaftLog(const RaftLog&) = delete;
    RaftLog& operator=(const RaftLog&) = delete;
    ~RaftLog();

    /// False for a dump that has no requests in it.
    [[nodiscard]] bool has_data() const;

    struct Listing {
        RaftFilter filter;
        bool details = false;  ///< entries come with what they ask for, in words
        /// Called for each entry that the filter keeps, ascending; false ends the reading. Empty: none is
        /// wanted, and they are not counted.
        std::function<bool(const report::RaftEntry&)> each;
    };
    /// Reads the log once; what is wrong with it is in the report.
    [[nodiscard]] report::RaftReport read(const Listing& listing, Progress* progress);

    /// Writes the log as it is once `at` is the snapshot position to the new file `output`. Throws damaged
    /// for a log whose checksums do not match, refused for an index above the last one.
    [[nodiscard]] report::RaftReport compact(LogIndex at, const std::string& output, Progress* progress);

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace kvctl::jobs
