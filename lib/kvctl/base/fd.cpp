#include "kvctl/base/fd.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstdlib>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"

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

std::string path_of(int descriptor) {
    return fmt::format("/proc/self/fd/{}", descriptor);
}

}  // namespace kvctl
