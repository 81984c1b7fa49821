#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "kvctl/raft/entry.hpp"

namespace kvctl::test {

/// Writes the segments of a member/wal directory byte by byte, as etcd does, for tests that then damage them.
/// Frames are padded to eight bytes and the checksum runs on through all segments.
class WalWriter {
  public:
    /// Creates `directory` and opens the first segment.
    explicit WalWriter(std::string directory);

    void entry(std::uint64_t index, std::uint64_t term, std::string_view data = "",
               raft::EntryType type = raft::EntryType::normal);
    void hard_state(std::uint64_t term, std::uint64_t vote, std::uint64_t commit);
    void snapshot(std::uint64_t index, std::uint64_t term);
    /// Any record; its checksum is right unless `crc_error` is not 0.
    void record(std::int64_t type, std::string_view data, std::uint32_t crc_error = 0);
    /// Ends the segment and begins the next, named after `first_index`.
    void cut(std::uint64_t first_index);
    /// Raw bytes, as they are.
    void raw(std::string_view bytes);
    void zeros(std::size_t n) { raw(std::string(n, '\0')); }

    /// Bytes in the current segment: where the next record begins.
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
    /// The current segment's file.
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

  private:
    void frame(const std::string& record);
    void begin_segment(std::uint64_t first_index);

    std::string directory_;
    std::string path_;
    std::uint64_t sequence_ = 0;
    std::uint64_t offset_ = 0;
    std::uint32_t crc_ = 0;
};

/// A .snap file for (term, index) with a matching checksum, or with a wrong one.
void write_snap_file(const std::string& directory, std::uint64_t index, std::uint64_t term,
                     bool sound = true);

}  // namespace kvctl::test
