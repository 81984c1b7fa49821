#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "kvctl/raftlog/file_reader.hpp"

namespace kvctl::raftlog {

/// walpb record types; on disk, never changed.
enum class RecordType : std::int64_t { metadata = 1, entry = 2, state = 3, crc = 4, snapshot = 5 };

/// One walpb.Record: field 1 type, 2 crc, 3 data.
struct WalRecord {
    std::int64_t type = 0;
    std::uint32_t crc = 0;
    std::string_view data;
};
/// nullopt when malformed.
[[nodiscard]] std::optional<WalRecord> decode_record(std::string_view message) noexcept;

/// A frame: 8 bytes of length (little endian; low 56 bits the size, and with the top bit set bits 56 to 58
/// the padding), the record, the padding.
struct WalFrame {
    enum class Kind {
        record,
        end,        ///< a zero length, or the end of the file: nothing more in this segment
        cut_short,  ///< the file ends inside the frame (or its length is beyond any record's)
    };
    Kind kind = Kind::end;
    std::string_view record;  ///< valid until the file is read again
    std::uint64_t next = 0;   ///< offset behind the frame
};
[[nodiscard]] WalFrame read_frame(FileReader& file, std::uint64_t offset);

/// Whether the part of the frame at `offset` that lies in some 512-byte sector of the file is all zero: what
/// a write that was cut off by a power failure leaves in preallocated space. Does not invalidate the frame's
/// record.
[[nodiscard]] bool has_zero_sector(FileReader& file, std::uint64_t offset, std::uint64_t next);

}  // namespace kvctl::raftlog
