#include "kvctl/dqlite/mapped.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "kvctl/base/error.hpp"
#include "kvctl/dqlite/log.hpp"

namespace kvctl::dqlite {

Mapped::Mapped(const Folder& folder, const std::string& name) : path_(folder.file(name)), name_(name) {
    const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) throw Vanished{name};
    if (fd < 0) throw io_error(path_, "cannot open", errno);
    struct Close {
        int fd;
        ~Close() { ::close(fd); }
    } const close{fd};
    struct stat st {};
    if (::fstat(fd, &st) != 0) throw io_error(path_, "cannot read", errno);
    if (st.st_size == 0) return;
    try {
        file_ = MappedFile(fd, static_cast<std::size_t>(st.st_size), path_);
    } catch (const std::system_error& e) {
        throw io_error(path_, "cannot read", e.code().value());
    }
}

void Mapped::expect_whole() const {
    if (!file_.lost()) return;
    struct stat st {};
    const bool there = ::stat(path_.c_str(), &st) == 0;
    // A page that the disk does not give is told at the end of the run.
    if (there && static_cast<std::size_t>(st.st_size) >= file_.bytes().size()) return;
    (void)WatchedPages::take_lost();
    throw Vanished{name_};
}

}  // namespace kvctl::dqlite
