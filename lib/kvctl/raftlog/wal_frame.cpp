#include "kvctl/raftlog/wal_frame.hpp"

#include <algorithm>

#include "kvctl/base/proto.hpp"
#include "kvctl/raft/canonical.hpp"

namespace kvctl::raftlog {
namespace {

constexpr std::uint64_t k_length_bytes = 8;
constexpr std::uint64_t k_sector = 512;
constexpr std::uint64_t k_largest_record = std::uint64_t{1} << 30;  // etcd itself stops at some MiB

std::uint64_t little_endian(std::string_view bytes) noexcept {
    std::uint64_t v = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) v = (v << 8) | static_cast<unsigned char>(bytes[i]);
    return v;
}

std::optional<WalRecord> decode_canonical(std::string_view message) noexcept {
    raft::CanonicalReader r(message);
    std::uint64_t type = 0;
    std::uint64_t crc = 0;
    WalRecord out;
    if (!r.number(0x08, type) || !r.number(0x10, crc) || !r.bytes(0x1A, out.data) || !r.at_end())
        return std::nullopt;
    out.type = static_cast<std::int64_t>(type);
    out.crc = static_cast<std::uint32_t>(crc);
    return out;
}

}  // namespace

std::optional<WalRecord> decode_record(std::string_view message) noexcept {
    if (const auto out = decode_canonical(message)) return out;
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

WalFrame read_frame(FileReader& file, std::uint64_t offset) {
    WalFrame frame;
    const std::string_view head = file.view(offset, k_length_bytes);
    if (head.empty()) return frame;
    frame.kind = WalFrame::Kind::cut_short;
    if (head.size() < k_length_bytes) return frame;
    const std::uint64_t length = little_endian(head);
    if (length == 0) {
        frame.kind = WalFrame::Kind::end;
        return frame;
    }
    const std::uint64_t size = length & 0x00FFFFFFFFFFFFFF;
    const std::uint64_t pad = (length >> 63) != 0 ? (length >> 56) & 7 : 0;
    const std::uint64_t left = file.size() - offset - k_length_bytes;
    if (size > k_largest_record || size > left || pad > left - size) return frame;
    // The padding too, so that looking at it later does not move the window.
    const std::string_view all = file.view(offset + k_length_bytes, static_cast<std::size_t>(size + pad));
    frame.record = all.substr(0, static_cast<std::size_t>(size));
    frame.next = offset + k_length_bytes + size + pad;
    frame.kind = WalFrame::Kind::record;
    return frame;
}

bool has_zero_sector(FileReader& file, std::uint64_t offset, std::uint64_t next) {
    std::uint64_t at = offset + k_length_bytes;
    while (at < next) {
        const std::uint64_t n = std::min(k_sector - at % k_sector, next - at);
        const std::string_view piece = file.view(at, static_cast<std::size_t>(n));
        if (std::all_of(piece.begin(), piece.end(), [](char c) { return c == '\0'; })) return true;
        at += n;
    }
    return false;
}

}  // namespace kvctl::raftlog
