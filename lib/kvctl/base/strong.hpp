#pragma once
#include <compare>
#include <cstdint>
#include <ostream>

namespace kvctl {

/// An integer that cannot be mistaken for another one: `Strong<struct TermTag, uint64_t>`.
template <class Tag, class Rep>
class Strong {
  public:
    using rep = Rep;
    constexpr Strong() = default;
    constexpr explicit Strong(Rep value) : value_(value) {}
    [[nodiscard]] constexpr Rep value() const noexcept { return value_; }
    friend constexpr auto operator<=>(const Strong&, const Strong&) = default;
    friend std::ostream& operator<<(std::ostream& out, const Strong& s) { return out << s.value_; }

  private:
    Rep value_ = 0;
};

/// The store-wide revision counter (etcd's `main`).
using MainRevision = Strong<struct MainRevisionTag, std::int64_t>;
/// A raft log position; unsigned as in raftpb.
using LogIndex = Strong<struct LogIndexTag, std::uint64_t>;
/// A raft term.
using Term = Strong<struct TermTag, std::uint64_t>;
/// An etcd lease id.
using LeaseId = Strong<struct LeaseIdTag, std::int64_t>;

}  // namespace kvctl
