#pragma once
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace kvctl {

/// Owns a file descriptor; -1: none.
class Fd {
  public:
    explicit Fd(int fd = -1) noexcept : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

  private:
    int fd_;
};

/// Where files for the time of a run go: $TMPDIR, /tmp where that is not set.
[[nodiscard]] std::string temporary_folder();

/// A new file in `folder` that has no name, for reading and writing, and is gone with its descriptor. Throws
/// io naming the folder.
[[nodiscard]] Fd unnamed_file(const std::string& folder);

/// Opens a file of any kind for reading; a pipe has it wait for somebody who writes. Throws io, and
/// interrupted where a signal comes meanwhile.
[[nodiscard]] Fd open_waiting(const std::string& path);

/// Writes all of it from the byte `at` on. The errno that it fails with, 0 when it is written.
[[nodiscard]] int write_all(int descriptor, std::string_view bytes, std::uint64_t at) noexcept;

/// A name by which this process opens what a descriptor stands for.
[[nodiscard]] std::string path_of(int descriptor);

}  // namespace kvctl
