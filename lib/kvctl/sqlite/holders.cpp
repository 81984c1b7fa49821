#include "kvctl/sqlite/holders.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>

#include "kvctl/base/bytes.hpp"

namespace kvctl::sqlite {
namespace {

// SQLite's lock bytes: pending, reserved, and 510 shared ones.
constexpr off_t k_lock_bytes = 0x40000000;
constexpr off_t k_lock_length = 512;

struct CloseDir {
    void operator()(DIR* d) const noexcept { ::closedir(d); }
};
using Dir = std::unique_ptr<DIR, CloseDir>;

pid_t to_pid(const char* name) {
    const std::string_view s(name);
    pid_t pid = 0;
    const auto [end, code] = std::from_chars(s.data(), s.data() + s.size(), pid);
    return code == std::errc{} && end == s.data() + s.size() ? pid : 0;
}

void add(std::vector<pid_t>& pids, pid_t pid) {
    if (pid > 0 && pid != ::getpid() && std::find(pids.begin(), pids.end(), pid) == pids.end())
        pids.push_back(pid);
}

// Every POSIX lock on the inode; lines read "1: POSIX  ADVISORY  WRITE 123 fe:00:456 1073741824 1073742335".
void read_lock_table(const struct stat& st, Holders& holders) {
    std::ifstream locks("/proc/locks");
    std::string line;
    while (std::getline(locks, line)) {
        std::istringstream words(line);
        std::string number;
        std::string kind;
        std::string advisory;
        std::string access;
        std::string inode;
        long pid = 0;
        words >> number >> kind;
        if (kind == "->") continue;  // waits for the lock above it
        if (!(words >> advisory >> access >> pid >> inode)) continue;
        unsigned int major = 0;
        unsigned int minor = 0;
        unsigned long long ino = 0;
        if (std::sscanf(inode.c_str(), "%x:%x:%llu", &major, &minor, &ino) != 3)
            continue;  // NOLINT: fixed format
        if (ino == st.st_ino && makedev(major, minor) == st.st_dev)
            add(holders.locking, static_cast<pid_t>(pid));
    }
}

void walk_processes(const struct stat& st, Holders& holders) {
    const Dir proc(::opendir("/proc"));
    if (!proc) return;
    while (const dirent* const process = ::readdir(proc.get())) {
        const pid_t pid = to_pid(process->d_name);
        if (pid <= 0 || pid == ::getpid()) continue;
        const std::string folder = std::string("/proc/") + process->d_name + "/fd";
        const Dir fds(::opendir(folder.c_str()));
        if (!fds) continue;
        while (const dirent* const fd = ::readdir(fds.get())) {
            struct stat target {};
            if (::stat((folder + "/" + fd->d_name).c_str(), &target) == 0 && target.st_ino == st.st_ino &&
                target.st_dev == st.st_dev) {
                add(holders.open, pid);
                break;
            }
        }
    }
}

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
    std::ifstream comm("/proc/" + std::to_string(pid) + "/comm");
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
            add(holders.locking, lock.l_pid);
            read_lock_table(st, holders);
            holders.idle = is_idle(fd, path);
        }
        if (look_at_open) walk_processes(st, holders);
    }
    ::close(fd);
    std::sort(holders.locking.begin(), holders.locking.end());
    std::sort(holders.open.begin(), holders.open.end());
    return holders;
}

std::string how_to_stop(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/cgroup");
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
    return "# stop pid " + std::to_string(pid) + (command.empty() ? "" : " (" + escape(command) + ")") +
           ", which has the store open";
}

std::string describe(const std::vector<pid_t>& pids) {
    if (pids.empty()) return "a process that cannot be seen from here";
    std::string text = pids.size() == 1 ? "pid " : "pids ";
    for (std::size_t i = 0; i < pids.size(); ++i) {
        const std::string name = command_of(pids[i]);
        if (i > 0) text += ", ";
        text += std::to_string(pids[i]);
        if (!name.empty()) text += " (" + escape(name) + ")";
    }
    return text;
}

}  // namespace kvctl::sqlite
