#include "kvctl/raftlog/wal_frame.hpp"

#include <algorithm>

#include "kvctl/base/proto.hpp"

namespace kvctl::raftlog {
namespace {

constexpr std::uint64_t k_sector = 512;

}  // namespace

std::optional<WalRecord> decode_unusual_record(std::string_view message) noexcept {
    WalRecord out;
    proto::Reader r(message);
    while (r.next()) {
        if (r.field() <= 3 && r.wire_type() != (r.field() == 3 ? 2 : 0)) return std::nullopt;
        if (r.field() == 1) out.type = r.signed_number();
        if (r.field() == 2) out.crc = static_cast<std::uint32_t>(r.number());
        if (r.field() == 3) out.data = r.bytes();
    }
    if (r.bad()) return std::nullopt;
    return out;
}

bool has_zero_sector(std::string_view bytes, std::uint64_t offset) noexcept {
    while (!bytes.empty()) {
        const auto n =
            static_cast<std::size_t>(std::min<std::uint64_t>(k_sector - offset % k_sector, bytes.size()));
        if (std::all_of(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n),
                        [](char c) { return c == '\0'; }))
            return true;
        bytes.remove_prefix(n);
        offset += n;
    }
    return false;
}

}  // namespace kvctl::raftlog
