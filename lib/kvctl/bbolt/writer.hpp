#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/bbolt/format.hpp"

namespace kvctl::bbolt {

/// What a new file is told beside its buckets.
struct FileHead {
    std::uint64_t page_size = 4096;
    std::uint64_t txid = 1;           ///< of the last transaction before; two are written above it
    std::uint64_t root_sequence = 0;  ///< of the bucket that holds the others
};

/// Writes a new bbolt file front to back: elements in key order in, pages out as they fill, so that memory
/// holds a page a level and never a value. Nothing is free in the file: pages 0 and 1 are metas, 2 is an
/// empty freelist, the trees follow, the root bucket's last.
///
///     writer.begin_bucket("key", 0);
///     writer.add(key, value);
///     writer.end_bucket();
///     const std::uint64_t bytes = writer.finish();
///
/// TreeSize tells the number of pages beforehand.
class FileWriter {
  public:
    /// Writes through `fd`, an empty file that the caller keeps open; `path` is for messages.
    FileWriter(int fd, std::string path, const FileHead& head);
    ~FileWriter();
    FileWriter(const FileWriter&) = delete;
    FileWriter& operator=(const FileWriter&) = delete;

    /// A bucket inside the one that is open. Buckets are elements: their names ascend among the keys.
    void begin_bucket(std::string_view name, std::uint64_t sequence);
    /// Throws damaged when the key does not ascend, io when the disk is full.
    void add(std::string_view key, std::string_view value);
    void end_bucket();
    /// Completes the file; its size in bytes. Syncing is the caller's.
    [[nodiscard]] std::uint64_t finish();

  private:
    class Pages;
    class Tree;
    struct Open;

    std::unique_ptr<Pages> pages_;
    FileHead head_;
    std::vector<Open> open_;  // the root bucket first
};

}  // namespace kvctl::bbolt
