#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/dqlite/folder.hpp"
#include "kvctl/dqlite/image.hpp"

namespace kvctl::dqlite {

struct SnapshotContent {
    std::vector<Image> databases;
    std::uint64_t unpacked_bytes = 0;
    bool compressed = false;
};

/// Unpacks a snapshot: an LZ4 frame, or what would be in it where dqlite was built without; each database's
/// pages, and over them the write-ahead log that dqlite 1.11 keeps in it. Memory does not grow with it.
/// Throws damaged, naming what is wrong with the file; Vanished; io.
[[nodiscard]] SnapshotContent read_snapshot(const Folder& folder, const SnapshotFile& file);

/// What is wrong with a snapshot's data before its pages are looked at: a frame that is cut short or whose
/// checksums do not match, another format. Empty: it unpacks to its end. Throws Vanished; io.
[[nodiscard]] std::string snapshot_fault(const Folder& folder, const SnapshotFile& file);

/// Bytes of a snapshot of one database before it is compressed.
[[nodiscard]] std::uint64_t unpacked_bytes(std::string_view database, std::uint64_t database_bytes) noexcept;

/// Packs one database of `bytes` bytes into an LZ4 frame with the size of its content and its checksum, as
/// dqlite wants to find it. `read` hands out up to so many bytes of the database at an offset; `write` takes
/// what goes to the file.
void write_snapshot(std::string_view database, std::uint64_t bytes,
                    const std::function<std::string_view(std::uint64_t offset, std::size_t length)>& read,
                    const std::function<void(std::string_view)>& write);

}  // namespace kvctl::dqlite
