#include "kvctl/sqlite/holders.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/openers.hpp"

namespace kvctl::sqlite {
namespace {

// Whether somebody has any lock (or, of the kind that others may share, a lock that keeps them out) there.
bool is_locked(int fd, short kind, off_t start, off_t length) {
    struct flock lock {};
    lock.l_type = kind;
    lock.l_whence = SEEK_SET;
    lock.l_start = start;
    lock.l_len = length;
    return ::fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

// Every connection in WAL mode shares the lock of the main file; who reads or writes has one more in the
// -shm.
bool is_idle(int fd, const std::string& path) {
    constexpr off_t k_wal_locks = 120;  // write, checkpoint, recover, five of readers
    if (is_locked(fd, F_RDLCK, k_lock_bytes, k_lock_length)) return false;
    const int shm = ::open((path + "-shm").c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (shm < 0) return false;
    const bool idle = !is_locked(shm, F_WRLCK, k_wal_locks, 8);
    ::close(shm);
    return idle;
}

std::string command_of(pid_t pid) {
    std::ifstream comm(fmt::format("/proc/{}/comm", pid));
    std::string name;
    std::getline(comm, name);
    return name;
}

}  // namespace

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
            holders.idle = is_idle(fd, path);
        }
        if (look_at_open) holders.open = find_openers(st);
    }
    ::close(fd);
    return holders;
}

std::string how_to_stop(pid_t pid) {
    std::ifstream file(fmt::format("/proc/{}/cgroup", pid));
    std::ostringstream cgroup;
    cgroup << file.rdbuf();
    return how_to_stop(pid, command_of(pid), cgroup.str());
}

std::string how_to_stop(pid_t pid, std::string_view command, std::string_view cgroup) {
    const bool server =
        command.starts_with("k3s") || command.starts_with("k0s") || command.starts_with("kine");
    // A line ends with the unit: "0::/system.slice/k3s.service".
    std::istringstream lines{std::string(cgroup)};
    std::string line;
    while (server && std::getline(lines, line)) {
        const std::string unit = line.substr(line.rfind('/') + 1);
        const bool plain =
            unit.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@:_.-") ==
            std::string::npos;
        if (plain && unit.ends_with(".service") && line.find("/system.slice/") != std::string::npos)
            return "systemctl stop " + unit;
    }
    return fmt::format("# stop pid {}{}, which has the store open", pid,
                       command.empty() ? "" : fmt::format(" ({})", escape(command)));
}

std::string describe(const std::vector<pid_t>& pids) {
    return describe_processes(pids);
}

}  // namespace kvctl::sqlite
