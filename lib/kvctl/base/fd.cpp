#include "kvctl/base/fd.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstdlib>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"

namespace kvctl {

std::string temporary_folder() {
    const char* const given = std::getenv("TMPDIR");
    return given != nullptr && *given != '\0' ? given : "/tmp";
}

Fd unnamed_file(const std::string& folder) {
    Fd fd(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (fd.get() < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
        // A file system without such files: one with a name, which it loses at once.
        std::string path = folder + "/.kvctl-XXXXXX";
        fd = Fd(::mkostemp(path.data(), O_CLOEXEC));
        if (fd.get() >= 0) ::unlink(path.c_str());
    }
    if (fd.get() < 0)
        throw io_error(folder, "cannot make a temporary file in it ($TMPDIR chooses another folder)", errno);
    return fd;
}

Fd open_waiting(const std::string& path) {
    for (;;) {
        check_interrupt();
        Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (fd.get() >= 0) return fd;
        if (errno != EINTR) throw io_error(path, "cannot open", errno);
    }
}

int write_all(int descriptor, std::string_view bytes, std::uint64_t at) noexcept {
    while (!bytes.empty()) {
        const ssize_t n = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 ? errno : ENOSPC;
        bytes.remove_prefix(static_cast<std::size_t>(n));
        at += static_cast<std::uint64_t>(n);
    }
    return 0;
}

std::string path_of(int descriptor) {
    return fmt::format("/proc/self/fd/{}", descriptor);
}

}  // namespace kvctl
