#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "kvctl/raft/entry.hpp"
#include "kvctl/raft/layout.hpp"
#include "kvctl/raftlog/source.hpp"

namespace kvctl::raftlog {

/// Writes kvctl.raftlog/1 into a new file. The file is created exclusively (an existing one is a `refused`
/// Error), reaches the disk in commit(), and is removed again when the writer goes without it.
class JsonlWriter {
  public:
    explicit JsonlWriter(const std::string& path);
    JsonlWriter(const JsonlWriter&) = delete;
    JsonlWriter& operator=(const JsonlWriter&) = delete;
    ~JsonlWriter();

    /// Call once, before the entries.
    void header(const raft::Dummy& snapshot, const std::optional<raft::HardState>& hard_state);
    void entry(const raft::EntryView& entry);
    /// Everything written and synced, the directory too. Throws `io`.
    void commit();
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

  private:
    void flush();

    std::string path_;
    int fd_ = -1;
    std::string buffer_;
    std::uint64_t bytes_ = 0;
};

/// Copies `source` into the new file `path`, compacted at `at`: entry `at` becomes the snapshot position and
/// entries above it follow. `at` at or below the snapshot copies everything. Returns what was removed and
/// what remains. Throws `refused` when the source has no data, or holds no entry `at`.
raft::CompactedLayout write_compacted(Source& source, LogIndex at, const std::string& path);

}  // namespace kvctl::raftlog
