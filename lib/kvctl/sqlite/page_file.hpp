#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "kvctl/base/mapped_file.hpp"
#include "kvctl/sqlite/database.hpp"

struct sqlite3_file;

namespace kvctl::sqlite {

/// The committed frames of a -wal, up to the last that ends a transaction: what stands there in place of a
/// page of the database (SQLite's file format, section 4).
class WalFrames {
  public:
    /// Of an empty one.
    WalFrames() = default;
    /// nullopt: it cannot be read, or is of another page size.
    static std::optional<WalFrames> read(sqlite3_file& wal, std::uint32_t page_size);

    [[nodiscard]] bool empty() const noexcept { return at_.empty(); }
    /// Where in the -wal the page's newest content begins; 0: it is none of its pages.
    [[nodiscard]] std::uint64_t at(std::uint32_t page) const noexcept {
        const auto found = at_.find(page);
        return found == at_.end() ? 0 : found->second;
    }
    /// How many pages the database has, if there is any frame.
    [[nodiscard]] std::uint32_t pages() const noexcept { return pages_; }

  private:
    std::unordered_map<std::uint32_t, std::uint64_t> at_;
    std::uint32_t pages_ = 0;
};

/// What SQLite maps of a file when asked to (2 GiB at most), watched: where the pages are in memory, copying
/// them takes more than three times as long as a look at each. SQLite's own cache does not use it.
class FileMap {
  public:
    /// Of nothing.
    FileMap() = default;
    FileMap(sqlite3_file& file, std::uint32_t page_size, std::string name);
    ~FileMap();
    FileMap(const FileMap&) = delete;
    FileMap& operator=(const FileMap&) = delete;
    FileMap(FileMap&& other) noexcept;
    FileMap& operator=(FileMap&& other) noexcept;

    /// `count` bytes from offset `at`; nullptr: they are not mapped.
    [[nodiscard]] const unsigned char* bytes(std::uint64_t at, std::size_t count) const noexcept;
    /// These bytes may be read again, but no longer count as memory of this process.
    void give_back(std::uint64_t at, std::size_t count) const noexcept;
    /// Zeros were read in place of a page that could not be had. The loss is not told otherwise
    /// (WatchedPages::take_lost): whoever meets it reads through SQLite, which does.
    [[nodiscard]] bool lost() const noexcept { return pages_.lost(); }

  private:
    sqlite3_file* file_ = nullptr;  // its first page is held, so that the map stays; nullptr: none is
    std::int64_t limit_before_ = 0;
    WatchedPages pages_;
};

/// The pages that a connection sees, read through its own files and past SQLite's cache. Whoever uses it
/// makes sure that nobody writes meanwhile and that the connection itself is in no transaction that wrote.
class PageFile {
  public:
    /// nullopt: its pages cannot be read like this; SQLite then tells what is wrong, if anything is. Of two
    /// connections to the same files the second one takes the first one's `frames`.
    static std::optional<PageFile> of(const Database& db, std::shared_ptr<const WalFrames> frames = nullptr);

    /// Whether anybody may: not where the environment's KVCTL_READER says `sqlite`, or after allow(false).
    [[nodiscard]] static bool allowed() noexcept;
    static void allow(bool allowed) noexcept;

    [[nodiscard]] std::uint32_t page_size() const noexcept { return page_size_; }
    /// Without the bytes reserved at each page's end.
    [[nodiscard]] std::uint32_t usable_size() const noexcept { return usable_size_; }
    [[nodiscard]] std::uint32_t pages() const noexcept { return pages_; }
    [[nodiscard]] const std::shared_ptr<const WalFrames>& frames() const noexcept { return frames_; }

    /// Reads `count` pages from `first` (1 is the first of the file) to `out`. False: not all of them are
    /// there.
    [[nodiscard]] bool read(std::uint32_t first, std::uint32_t count, unsigned char* out) const;
    /// The same pages where they lie mapped, one behind the other; nullptr: they do not, but may be read.
    [[nodiscard]] const unsigned char* mapped(std::uint32_t first, std::uint32_t count) const noexcept;
    /// What was mapped from `first` up to `end`, which it does not hold, was read.
    void give_back(std::uint32_t first, std::uint32_t end) const noexcept;
    /// Some of what mapped() gave was not the file's: it was cut off, or its disk fails.
    [[nodiscard]] bool lost() const noexcept { return map_.lost(); }

  private:
    sqlite3_file* file_ = nullptr;
    sqlite3_file* wal_ = nullptr;
    std::uint32_t page_size_ = 0;
    std::uint32_t usable_size_ = 0;
    std::uint32_t pages_ = 0;
    std::shared_ptr<const WalFrames> frames_;
    FileMap map_;
};

}  // namespace kvctl::sqlite
