#include "kvctl/raftlog/file_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "kvctl/base/error.hpp"
#include "kvctl/base/fd.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"

namespace kvctl::raftlog {
namespace {

constexpr std::size_t k_window = std::size_t{256} << 10;
constexpr std::size_t k_longest_line = std::size_t{256} << 20;
constexpr std::string_view k_byte_order_mark = "\xEF\xBB\xBF";

}  // namespace

FileReader::FileReader(const std::string& path)
    : FileReader(path, ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}

FileReader FileReader::of_any(const std::string& path) {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0 || !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))) return {path};
    const Fd pipe = open_waiting(path);
    const std::string folder = temporary_folder();
    Fd copy = unnamed_file(folder);
    std::vector<char> buffer(k_window);
    for (;;) {
        check_interrupt();
        const ::ssize_t got = ::read(pipe.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw io_error(path, "cannot read", errno);
        if (got == 0) break;
        for (::ssize_t done = 0; done < got;) {
            const ::ssize_t put =
                ::write(copy.get(), buffer.data() + done, static_cast<std::size_t>(got - done));
            if (put < 0 && errno == EINTR) continue;
            if (put < 0) throw io_error(folder, "keep what comes from " + path, errno);
            done += put;
        }
    }
    return {path, copy.release()};
}

FileReader::FileReader(const std::string& path, int fd) : path_(path), fd_(fd) {
    if (fd_ < 0) throw io_error(path, "cannot open", errno);
    struct stat st {};
    const int failed = ::fstat(fd_, &st) != 0 ? errno : 0;
    if (failed != 0 || !S_ISREG(st.st_mode)) {
        ::close(std::exchange(fd_, -1));
        if (failed != 0) throw io_error(path, "cannot stat", failed);
        throw Error(ErrorKind::io, path + ": not a regular file");
    }
    size_ = static_cast<std::uint64_t>(st.st_size);
    ::posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
}

FileReader::FileReader(FileReader&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      size_(other.size_),
      window_(std::move(other.window_)),
      window_offset_(other.window_offset_),
      window_bytes_(std::exchange(other.window_bytes_, 0)) {}

FileReader& FileReader::operator=(FileReader&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(fd_, other.fd_);
    std::swap(size_, other.size_);
    std::swap(window_, other.window_);
    std::swap(window_offset_, other.window_offset_);
    std::swap(window_bytes_, other.window_bytes_);
    return *this;
}

FileReader::~FileReader() {
    if (fd_ >= 0) ::close(fd_);
}

std::string_view FileReader::view(std::uint64_t offset, std::size_t n) {
    if (offset >= size_) return {};
    n = static_cast<std::size_t>(std::min<std::uint64_t>(n, size_ - offset));
    if (offset >= window_offset_ && offset - window_offset_ <= window_bytes_ &&
        n <= window_bytes_ - (offset - window_offset_)) {
        return {window_.data() + (offset - window_offset_), n};
    }
    const auto want =
        static_cast<std::size_t>(std::min<std::uint64_t>(std::max(n, k_window), size_ - offset));
    if (window_.size() < want) window_.resize(want);
    window_bytes_ = 0;
    window_offset_ = offset;
    read(offset, window_.data(), want);
    window_bytes_ = want;
    return {window_.data(), n};
}

void FileReader::read(std::uint64_t offset, char* to, std::size_t n) const {
    for (std::size_t done = 0; done < n;) {
        const ::ssize_t got = ::pread(fd_, to + done, n - done, static_cast<::off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw io_error(path_, fmt::format("read at offset {}", offset + done), errno);
        if (got == 0) throw Error(ErrorKind::io, path_ + ": became shorter while it was read");
        done += static_cast<std::size_t>(got);
    }
}

bool LineReader::next(std::string_view& line) {
    std::size_t searched = 0;
    for (;;) {
        const void* const hit = rest_.size() > searched
                                    ? std::memchr(rest_.data() + searched, '\n', rest_.size() - searched)
                                    : nullptr;
        const bool at_end = rest_offset_ + rest_.size() >= file_.size();
        if (hit == nullptr && !at_end) {
            searched = rest_.size();
            if (searched >= k_longest_line) {
                throw Error(ErrorKind::damaged, fmt::format("{}: line {} is longer than 256 MiB",
                                                            file_.path(), line_number_ + 1));
            }
            rest_ = file_.view(rest_offset_, std::max(k_window, 2 * searched));
            continue;
        }
        if (hit == nullptr && rest_.empty()) return false;
        newline_ = hit != nullptr;
        const std::size_t n =
            newline_ ? static_cast<std::size_t>(static_cast<const char*>(hit) - rest_.data()) : rest_.size();
        line = rest_.substr(0, n);
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        ++line_number_;
        offset_ = rest_offset_;
        if (offset_ == 0 && line.starts_with(k_byte_order_mark)) line.remove_prefix(k_byte_order_mark.size());
        const std::size_t used = n + (newline_ ? 1 : 0);
        rest_.remove_prefix(used);
        rest_offset_ += used;
        return true;
    }
}

void LineReader::seek(std::uint64_t offset) noexcept {
    rest_ = {};
    rest_offset_ = offset;
    line_number_ = 0;
    offset_ = offset;
    newline_ = true;
}

}  // namespace kvctl::raftlog
