#pragma once
#include <sys/types.h>

#include <cstddef>
#include <string>

namespace kvctl {

/// `n` bytes of an open file from `offset` on into `out`, fewer only where the file ends. Goes on behind a
/// read that was interrupted or brought a part. How many; -1: errno says why.
[[nodiscard]] ssize_t read_at(int fd, void* out, std::size_t n, off_t offset) noexcept;

/// The first `n` bytes.
[[nodiscard]] inline ssize_t read_start(int fd, void* out, std::size_t n) noexcept {
    return read_at(fd, out, n, 0);
}

/// The same of the file at `path`. Throws `io` when it cannot be opened or read.
[[nodiscard]] std::string read_start(const std::string& path, std::size_t n);

}  // namespace kvctl
