#pragma once
#include <cstdint>
#include <optional>
#include <set>

#include "kvctl/raft/entry.hpp"

namespace kvctl::raft {

/// Tells entry by entry whether it is committed.
///
/// A hard state's commit is only the least there is: since raft 3.6 one that differs in nothing else is not
/// written until the next save, so the store of a member that was killed or is idle may have applied more
/// than the log says. What was applied is committed; and where the member votes alone, an entry is committed
/// once it stands in the log.
class CommitWatch {
  public:
    struct Known {
        std::optional<LogIndex> commit;       ///< of the hard state
        std::optional<LogIndex> applied;      ///< the store's consistent index
        std::optional<std::uint64_t> member;  ///< whose log it is
        std::optional<ConfState> members;     ///< as of `members_at`; nullopt: unknown, so it is never alone
        LogIndex members_at;
    };
    explicit CommitWatch(const Known& known);

    /// Entries in log order, those of configuration changes with their data. False: nothing says that it is
    /// committed, and nothing behind it is.
    bool see(const EntryView& entry);

    /// The last position known to be committed; nullopt while nothing says so.
    [[nodiscard]] std::optional<LogIndex> last() const noexcept { return last_; }

  private:
    [[nodiscard]] bool alone() const noexcept;
    void follow(const EntryView& entry);

    std::optional<LogIndex> last_;
    std::optional<std::uint64_t> member_;
    std::set<std::uint64_t> voters_;
    bool known_ = false;
    LogIndex members_at_;
    std::uint64_t next_ = 0;  ///< a later index leaves out entries that may have changed the members
    bool ended_ = false;
};

}  // namespace kvctl::raft
