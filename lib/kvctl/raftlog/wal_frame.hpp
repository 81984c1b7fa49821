#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "kvctl/raft/canonical.hpp"

namespace kvctl::raftlog {

/// walpb record types; on disk, never changed.
enum class RecordType : std::int64_t { metadata = 1, entry = 2, state = 3, crc = 4, snapshot = 5 };

/// One walpb.Record: field 1 type, 2 crc, 3 data.
struct WalRecord {
    std::int64_t type = 0;
    std::uint32_t crc = 0;
    std::string_view data;
};
/// Of any fields in any order.
[[nodiscard]] std::optional<WalRecord> decode_unusual_record(std::string_view message) noexcept;

// This and read_frame run once a record, so they are inline.

/// nullopt when malformed.
[[nodiscard]] inline std::optional<WalRecord> decode_record(std::string_view message) noexcept {
    raft::CanonicalReader r(message);
    std::uint64_t type = 0;
    std::uint64_t crc = 0;
    std::string_view data;
    if (!r.number(0x08, type) || !r.number(0x10, crc) || !r.bytes(0x1A, data) || !r.at_end()) {
        return decode_unusual_record(message);
    }
    return WalRecord{static_cast<std::int64_t>(type), static_cast<std::uint32_t>(crc), data};
}

/// Bytes of a frame before its record.
inline constexpr std::uint64_t k_frame_head = 8;
/// Of a record. etcd's hold a request, by default of 1.5 MiB at most, and its segments are of 64 MiB; a file
/// of holes that claims more is not to fill the memory.
inline constexpr std::uint64_t k_largest_record = std::uint64_t{256} << 20;

/// A frame: 8 bytes of length (little endian; low 56 bits the size, and with the top bit set bits 56 to 58
/// the padding), the record, the padding.
struct WalFrame {
    enum class Kind {
        record,
        end,        ///< a zero length, or the end of the file: nothing more in this segment
        cut_short,  ///< the file ends inside the frame (or its length is beyond any record's)
        partial,    ///< the window ends inside the frame, the file does not
    };
    Kind kind = Kind::end;
    std::string_view record;  ///< part of the window
    std::uint64_t size = 0;   ///< of the whole frame; of a partial one what the window must at least hold
};
/// The frame that begins where `window` begins; `left` is how much of the file lies from there on.
[[nodiscard]] inline WalFrame read_frame(std::string_view window, std::uint64_t left) noexcept {
    WalFrame frame;
    if (left == 0) return frame;
    frame.kind = WalFrame::Kind::cut_short;
    if (left < k_frame_head) return frame;
    frame.size = k_frame_head;
    frame.kind = WalFrame::Kind::partial;
    if (window.size() < k_frame_head) return frame;
    std::uint64_t length = 0;
    std::memcpy(&length, window.data(), sizeof length);
    if constexpr (std::endian::native == std::endian::big) length = __builtin_bswap64(length);
    frame.kind = WalFrame::Kind::end;
    if (length == 0) return frame;
    const std::uint64_t size = length & 0x00FFFFFFFFFFFFFF;
    const std::uint64_t pad = (length >> 63) != 0 ? (length >> 56) & 7 : 0;
    frame.kind = WalFrame::Kind::cut_short;
    if (size > k_largest_record || k_frame_head + size + pad > left) return frame;
    frame.size = k_frame_head + size + pad;
    frame.kind = WalFrame::Kind::partial;
    if (frame.size > window.size()) return frame;
    frame.record = window.substr(k_frame_head, static_cast<std::size_t>(size));
    frame.kind = WalFrame::Kind::record;
    return frame;
}

/// Whether the part of `bytes` (at `offset` in the file) that lies in some 512-byte sector is all zero: what
/// a write that was cut off by a power failure leaves in preallocated space.
[[nodiscard]] bool has_zero_sector(std::string_view bytes, std::uint64_t offset) noexcept;

}  // namespace kvctl::raftlog
