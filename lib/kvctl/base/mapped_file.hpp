#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kvctl {

/// A stretch of a file mapped for reading that may shrink under its reader, or lie on a disk that fails. The
/// kernel answers a read of such a page with SIGBUS; while this lives the page reads as zeros instead, and
/// lost() tells. The mapping is its owner's.
///
/// The first one installs a handler of SIGBUS for the process. Faults elsewhere go to the handler that was
/// there before.
class WatchedPages {
  public:
    WatchedPages() = default;
    /// `name`: the file's, for take_lost().
    WatchedPages(std::string_view bytes, std::string name);
    ~WatchedPages();
    WatchedPages(const WatchedPages&) = delete;
    WatchedPages& operator=(const WatchedPages&) = delete;
    WatchedPages(WatchedPages&& other) noexcept;
    WatchedPages& operator=(WatchedPages&& other) noexcept;

    [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
    /// A page was read that could not be had.
    [[nodiscard]] bool lost() const noexcept;
    /// What was lost here is read again in another way, which tells: take_lost() will not.
    void excuse() const noexcept;

    /// The name of a file to whose pages that happened since the last call. For the end of a run, when the
    /// mapping itself may be gone.
    [[nodiscard]] static std::optional<std::string> take_lost();

  private:
    std::string_view bytes_;
    std::size_t slot_ = 0;  // in the table the handler looks into, from 1; 0: none
};

/// A file mapped for reading, its pages watched.
class MappedFile {
  public:
    MappedFile() = default;
    /// Maps `size` bytes (not 0) of an open file. Throws std::system_error.
    MappedFile(int fd, std::size_t size, std::string name);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    MappedFile(MappedFile&& other) noexcept = default;
    MappedFile& operator=(MappedFile&& other) noexcept;

    [[nodiscard]] std::string_view bytes() const noexcept { return pages_.bytes(); }
    [[nodiscard]] bool lost() const noexcept { return pages_.lost(); }

  private:
    WatchedPages pages_;
};

}  // namespace kvctl
