#include "kvctl/dqlite/mapped.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "kvctl/base/error.hpp"
#include "kvctl/dqlite/log.hpp"

namespace kvctl::dqlite {

Mapped::Mapped(const Folder& folder, const std::string& name) {
    const std::string path = folder.file(name);
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) throw Vanished{name};
    if (fd < 0) throw io_error(path, "cannot open", errno);
    struct Close {
        int fd;
        ~Close() { ::close(fd); }
    } const close{fd};
    struct stat st {};
    if (::fstat(fd, &st) != 0) throw io_error(path, "cannot read", errno);
    if (st.st_size == 0) return;
    try {
        file_ = MappedFile(fd, static_cast<std::size_t>(st.st_size), path);
    } catch (const std::system_error& e) {
        throw io_error(path, "cannot read", e.code().value());
    }
}

}  // namespace kvctl::dqlite
