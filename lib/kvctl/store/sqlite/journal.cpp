#include "kvctl/store/sqlite/journal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "kvctl/base/error.hpp"
#include "kvctl/base/read_start.hpp"

namespace kvctl::store {

bool holds_transaction(const std::string& journal) {
    const int fd = ::open(journal.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) return false;
    char first = 0;
    const ssize_t n = fd < 0 ? -1 : read_start(fd, &first, 1);
    const int error = errno;
    if (fd >= 0) ::close(fd);
    if (n < 0) throw io_error(journal, "cannot read", error);
    return n == 1 && first != 0;
}

}  // namespace kvctl::store
