#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "kvctl/base/strong.hpp"

namespace kvctl::mvcc {

/// etcd's revision: `main` counts write requests, `sub` the changes inside one. Ordered by main, then sub.
struct Revision {
    std::int64_t main = 0;
    std::int64_t sub = 0;

    friend constexpr auto operator<=>(const Revision&, const Revision&) = default;
};

/// "7.1", as etcd's own tests print it.
std::ostream& operator<<(std::ostream& out, const Revision& revision);
[[nodiscard]] std::string to_string(const Revision& revision);

/// A row key of etcd's bucket "key": BE64(main) '_' BE64(sub), 17 bytes, plus 't' on a tombstone.
class EncodedRevision {
  public:
    EncodedRevision(Revision revision, bool tombstone) noexcept;
    [[nodiscard]] std::string_view bytes() const noexcept { return {bytes_.data(), size_}; }

  private:
    std::array<char, 18> bytes_;
    std::size_t size_;
};

struct DecodedRevision {
    Revision revision;
    bool tombstone = false;
};

/// nullopt when the length, the separator, the mark or a sign is wrong.
[[nodiscard]] std::optional<DecodedRevision> decode_revision(std::string_view bytes) noexcept;

}  // namespace kvctl::mvcc
