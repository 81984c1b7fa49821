#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "kvctl/raft/entry.hpp"
#include "kvctl/raft/request.hpp"

namespace kvctl::raft {

/// Whether a log can be the one that made a store: it is one of its cluster's, and the store's newest
/// revision can come from its entries. Ids alone do not tell, since a cluster made anew at the same addresses
/// gets the same ones, and a store restored from a snapshot gets others.
class Belonging {
  public:
    struct Store {
        std::set<std::uint64_t> members;  ///< also former ones; none: the store does not say
        std::optional<std::uint64_t> cluster_id;
        LogIndex members_at;  ///< the last entry that `members` reflects
        LogIndex applied;     ///< consistent index
        MainRevision current{1};
    };
    struct Log {
        std::optional<std::uint64_t> member_id;
        std::optional<std::uint64_t> cluster_id;
        bool restored = false;  ///< begins with a restore: older revisions came with the db
    };
    Belonging(Store store, const Log& log);

    /// Entries in log order, those above the consistent index too. `entry` has its data where it is a
    /// configuration change.
    void see(const EntryView& entry, RequestKind kind);

    /// Behind the last entry: why the log is another store's, as the rest of a sentence about it; nullopt:
    /// nothing speaks against it.
    [[nodiscard]] std::optional<std::string> fault() const;

    /// The log begins with its first entry, so that every revision must come from one of it.
    [[nodiscard]] bool whole() const noexcept { return whole_; }

  private:
    [[nodiscard]] std::int64_t missing_before(LogIndex index) const noexcept;

    Store store_;
    Log log_;
    bool first_ = true;
    bool whole_ = false;
    bool joins_ = false;       ///< an entry behind `members_at` makes the log's member one of the store's
    std::int64_t writes_ = 0;  ///< applied entries that may have made a revision, those not there included
    LogIndex last_;
};

}  // namespace kvctl::raft
