#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kvctl::raftlog {

/// A regular file read through a window, so that a file that shrinks meanwhile is an error and not a crash.
class FileReader {
  public:
    /// Throws `io` when the file cannot be opened or is not a regular file.
    FileReader(const std::string& path);  // NOLINT(google-explicit-constructor): a path names a file
    /// The same, but what comes out of a pipe or socket is first copied, to its end, into an unnamed file in
    /// $TMPDIR. Throws `interrupted` too.
    [[nodiscard]] static FileReader of_any(const std::string& path);
    FileReader(const FileReader&) = delete;
    FileReader& operator=(const FileReader&) = delete;
    FileReader(FileReader&& other) noexcept;
    FileReader& operator=(FileReader&& other) noexcept;
    ~FileReader();

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

    /// Bytes [offset, offset + n), fewer only behind the size at opening; valid until the next call. Throws
    /// `io`.
    [[nodiscard]] std::string_view view(std::uint64_t offset, std::size_t n);

    /// Copies bytes [offset, offset + n), which must lie within the size at opening, to `to`. Throws `io`.
    void read(std::uint64_t offset, char* to, std::size_t n) const;

  private:
    FileReader(const std::string& path, int fd);
    std::string path_;
    int fd_ = -1;
    std::uint64_t size_ = 0;
    std::vector<char> window_;
    std::uint64_t window_offset_ = 0;
    std::size_t window_bytes_ = 0;
};

/// The lines of a file, without their ends ("\n" or "\r\n") and without a byte order mark.
class LineReader {
  public:
    explicit LineReader(FileReader file) : file_(std::move(file)) {}

    /// False at the end of the file. The view lives until the next call. Throws `damaged` for a line beyond
    /// 256 MiB.
    bool next(std::string_view& line);
    /// Goes on with the line that begins at `offset`; line numbers count from there.
    void seek(std::uint64_t offset) noexcept;
    void rewind() noexcept { seek(0); }
    [[nodiscard]] std::uint64_t next_offset() const noexcept { return rest_offset_; }
    [[nodiscard]] std::uint64_t line_number() const noexcept {
        return line_number_;
    }                                                                        ///< of the last line, from 1
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }  ///< where it begins
    [[nodiscard]] bool ended_with_newline() const noexcept { return newline_; }
    [[nodiscard]] FileReader& file() noexcept { return file_; }

  private:
    FileReader file_;
    std::string_view rest_;  ///< of the window, not yet handed out
    std::uint64_t rest_offset_ = 0;
    std::uint64_t line_number_ = 0;
    std::uint64_t offset_ = 0;
    bool newline_ = true;
};

}  // namespace kvctl::raftlog
