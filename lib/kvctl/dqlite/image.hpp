#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kvctl/base/fd.hpp"

namespace kvctl::dqlite {

/// One database, its pages laid together in a temporary file without a name, in $TMPDIR (/tmp where that is
/// not set). A file and not memory: the page cache holds it as well while there is room, and a store of 5 GB
/// must not need as much memory.
class Image {
  public:
    /// Throws io naming the folder that has no room for it.
    explicit Image(std::string name);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// What opens the file while the image lives.
    [[nodiscard]] std::string path() const;
    [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }
    [[nodiscard]] std::uint32_t page_size() const noexcept { return page_size_; }
    [[nodiscard]] std::uint64_t pages() const noexcept { return pages_.size(); }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return pages() * page_size_; }

    /// From here on at most so many pages are written, until this is called again: what lies farther behind
    /// the end than they reach cannot be a page of the database.
    void expect(std::uint64_t pages) noexcept { limit_ = pages_.size() + pages + 1; }
    /// Writes one page, or, once one was written, as many as follow it. Pages are counted from 1. False where
    /// the number or the size cannot be: pages of one database are of one size.
    [[nodiscard]] bool write(std::uint64_t page, std::string_view content);
    /// The same for one page that is written over later, maybe: the content must live until flush() is
    /// called.
    [[nodiscard]] bool put(std::uint64_t page, std::string_view content);
    /// Writes what put() was given, each page once, as it is now.
    void flush();
    /// Makes the number of pages what the header on page 1 says; false where there is no such page, or a page
    /// below it was never written.
    [[nodiscard]] bool commit();
    /// Declares the database to be in WAL mode, as dqlite has it, or in rollback mode, as a copy of its own
    /// is served.
    void set_wal_mode(bool wal);

  private:
    /// Whether the pages can be, and from here on are, in the database.
    [[nodiscard]] bool take(std::uint64_t page, std::size_t bytes);
    void write_at(std::uint64_t at, std::string_view content) const;
    [[nodiscard]] bool holds_locks(std::uint64_t page) const noexcept;
    std::string name_;
    std::string folder_;
    Fd fd_;
    std::uint32_t page_size_ = 0;
    std::vector<bool> pages_;                                      // which ones were written
    std::uint64_t limit_ = 0;                                      // the last page that may be written
    std::unordered_map<std::uint64_t, std::string_view> waiting_;  // for flush(), by page
    std::uint64_t missing_ = 0;  // how many were not; SQLite never writes the page with its locks
};

}  // namespace kvctl::dqlite
