#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/raftlog/file_reader.hpp"
#include "kvctl/raftlog/resolver.hpp"
#include "kvctl/raftlog/wal_frame.hpp"

namespace kvctl::raftlog {

/// A .wal file; its name tells the two numbers.
struct WalSegment {
    std::string path;
    std::uint64_t sequence = 0;
    std::uint64_t first_index = 0;
};

/// A frame of a segment and, once decoded, what its record says.
struct FramedRecord {
    /// As framed, not decoded. (A constructor of its own, or every record would be filled with zeros first.)
    FramedRecord(std::uint64_t offset, const WalFrame& f) noexcept
        : frame(offset), frame_size(f.size), message(f.record) {}

    std::uint64_t frame;       ///< offset of the frame
    std::uint64_t frame_size;  ///< bytes of it
    std::string_view message;  ///< the record, in the batch's bytes; the frame's padding is behind it

    bool decodes = false;        ///< false: nothing below is set
    std::uint32_t crc = 0;       ///< as stored
    std::uint32_t from = 0;      ///< the data, appended to what this checksum covers …
    std::uint32_t computed = 0;  ///< … has this one
    std::int64_t type = 0;       ///< a RecordType, or any other number
    std::string_view data;
    std::optional<Slot> entry;  ///< of a record of type entry whose data decodes

    /// The frame without its length.
    [[nodiscard]] std::string_view body() const noexcept {
        return {message.data(), static_cast<std::size_t>(frame_size - k_frame_head)};
    }
    /// Where the data lies in the file; without data, where it would begin.
    [[nodiscard]] Location at(std::size_t segment) const noexcept {
        const auto skip = data.empty() ? 0 : static_cast<std::uint64_t>(data.data() - message.data());
        return {frame + k_frame_head + skip, static_cast<std::uint32_t>(data.size()),
                static_cast<std::uint16_t>(segment)};
    }
};

/// Some successive records of one segment, with the bytes they lie in.
struct WalBatch {
    enum class End : std::uint8_t {
        none,       ///< the segment goes on in the next batch
        complete,   ///< the segment ends here
        cut_short,  ///< the segment ends inside a frame, at end_offset
    };

    std::size_t segment = 0;   ///< its number
    std::uint64_t offset = 0;  ///< of the batch in the segment; 0: the segment begins
    std::vector<char> bytes;
    std::vector<FramedRecord> records;
    End end = End::none;
    std::uint64_t end_offset = 0;
};

/// Reads segment after segment and cuts them into frames.
class WalFramer {
  public:
    /// The list must outlive the framer.
    explicit WalFramer(const std::vector<WalSegment>& segments) noexcept : segments_(segments) {}

    /// Overwrites `batch` with the next frames: 512 KiB of them, more only where a single one is larger.
    /// False behind the last segment. Throws `io`, `interrupted`.
    bool fill(WalBatch& batch);

  private:
    std::string_view read(WalBatch& batch, std::uint64_t at_most) const;
    void end_segment(WalBatch& batch, WalBatch::End end) noexcept;

    const std::vector<WalSegment>& segments_;
    std::size_t segment_ = 0;
    std::optional<FileReader> file_;  ///< of the current segment, once it has begun
    std::uint64_t offset_ = 0;        ///< of the next frame in it
};

/// Decodes the records of a batch and computes their checksums, each from the one stored before it.
void decode(WalBatch& batch) noexcept;

}  // namespace kvctl::raftlog
