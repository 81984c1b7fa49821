#pragma once
#include <sys/types.h>

#include <cstddef>
#include <string>

namespace kvctl {

/// The first `n` bytes of an open file into `out`, fewer only where the file ends. Goes on behind a read that
/// was interrupted or brought a part. How many; -1: errno says why.
[[nodiscard]] ssize_t read_start(int fd, void* out, std::size_t n) noexcept;

/// The same of the file at `path`. Throws `io` when it cannot be opened or read.
[[nodiscard]] std::string read_start(const std::string& path, std::size_t n);

}  // namespace kvctl
