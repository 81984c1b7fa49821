#include "kvctl/sqlite/holders.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "kvctl/base/openers.hpp"

namespace kvctl::sqlite {
Holders find_holders(const std::string& path, bool look_at_open) {
    Holders holders;
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return holders;
    struct stat st {};
    if (::fstat(fd, &st) == 0) {
        struct flock lock {};
        lock.l_type = F_WRLCK;
        lock.l_whence = SEEK_SET;
        lock.l_start = k_lock_bytes;
        lock.l_len = k_lock_length;
        if (::fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) {
            holders.locked = true;
            holders.locking = find_lockers(st, false);
            // The table of locks may know the file by another device than stat does (btrfs), or not be there.
            if (lock.l_pid > 0 && std::find(holders.locking.begin(), holders.locking.end(), lock.l_pid) ==
                                      holders.locking.end()) {
                holders.locking.push_back(lock.l_pid);
                std::sort(holders.locking.begin(), holders.locking.end());
            }
        }
        if (look_at_open) holders.open = find_openers(st);
    }
    ::close(fd);
    return holders;
}

std::string describe(const std::vector<pid_t>& pids) {
    return describe_processes(pids);
}

}  // namespace kvctl::sqlite
