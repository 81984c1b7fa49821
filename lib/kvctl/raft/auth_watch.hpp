#pragma once
#include <optional>

#include "kvctl/raft/entry.hpp"
#include "kvctl/raft/request.hpp"

namespace kvctl::raft {

/// Follows through a log whether authentication is on. Once it is, permissions decide what a request does,
/// and they are not in the log alone.
class AuthWatch {
  public:
    /// `whole`: the log begins with its first entry, so that a user it does not mention does not exist.
    /// Otherwise every attempt to switch authentication on is taken to succeed.
    explicit AuthWatch(bool whole) : whole_(whole) {}

    /// Entries in log order.
    void see(const EntryView& entry, const Request& request);

    /// The entry that shows authentication to be on behind the last entry seen; nullopt: it is off.
    [[nodiscard]] std::optional<LogIndex> enabled_by() const noexcept { return enabled_by_; }

  private:
    void follow_root(const EntryView& entry, RequestKind kind);

    bool whole_;
    bool root_user_ = false;
    bool root_granted_ = false;  // user root holds role root: without it auth_enable fails
    bool root_role_ = false;
    std::optional<LogIndex> enabled_by_;
};

}  // namespace kvctl::raft
