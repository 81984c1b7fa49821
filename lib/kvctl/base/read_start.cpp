#include "kvctl/base/read_start.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "kvctl/base/error.hpp"

namespace kvctl {

ssize_t read_at(int fd, void* out, std::size_t n, off_t offset) noexcept {
    std::size_t done = 0;
    while (done < n) {
        const ssize_t got =
            ::pread(fd, static_cast<char*>(out) + done, n - done, offset + static_cast<off_t>(done));
        if (got == 0) break;
        if (got > 0) done += static_cast<std::size_t>(got);
        if (got < 0 && errno != EINTR) return -1;
    }
    return static_cast<ssize_t>(done);
}

std::string read_start(const std::string& path, std::size_t n) {
    std::string start(n, '\0');
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) throw io_error(path, "cannot open", errno);
    const ssize_t got = read_start(fd, start.data(), n);
    const int error = errno;
    ::close(fd);
    if (got < 0) throw io_error(path, "cannot read", error);
    start.resize(static_cast<std::size_t>(got));
    return start;
}

}  // namespace kvctl
