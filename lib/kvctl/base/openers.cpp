#include "kvctl/base/openers.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string_view>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"

namespace kvctl {
namespace {

struct CloseDir {
    void operator()(DIR* d) const noexcept { ::closedir(d); }
};
using Dir = std::unique_ptr<DIR, CloseDir>;

pid_t to_pid(std::string_view name) {
    pid_t pid = 0;
    const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), pid);
    return code == std::errc{} && end == name.data() + name.size() ? pid : 0;
}

std::vector<pid_t> sorted(std::vector<pid_t> pids) {
    std::sort(pids.begin(), pids.end());
    pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
    return pids;
}

// "flags:" in octal, as open() was given them.
bool may_write(const std::string& fdinfo) {
    std::ifstream file(fdinfo);
    std::string word;
    while (file >> word) {
        if (word != "flags:") continue;
        int flags = 0;
        return (file >> std::oct >> flags) && (flags & O_ACCMODE) != O_RDONLY;
    }
    return false;
}

std::vector<pid_t> openers(const struct stat& file, bool writers) {
    std::vector<pid_t> pids;
    const Dir proc(::opendir("/proc"));
    if (!proc) return pids;
    while (const dirent* const process = ::readdir(proc.get())) {
        const pid_t pid = to_pid(process->d_name);
        if (pid <= 0 || pid == ::getpid()) continue;
        const std::string own = std::string("/proc/") + process->d_name;
        const std::string folder = own + "/fd";
        const Dir fds(::opendir(folder.c_str()));
        if (!fds) continue;
        while (const dirent* const fd = ::readdir(fds.get())) {
            struct stat target {};
            if (::stat((folder + "/" + fd->d_name).c_str(), &target) == 0 && target.st_ino == file.st_ino &&
                target.st_dev == file.st_dev && (!writers || may_write(own + "/fdinfo/" + fd->d_name))) {
                pids.push_back(pid);
                break;
            }
        }
    }
    return sorted(std::move(pids));
}

enum class Locks { held, exclusive, held_or_waited_for };

// Lines read "1: POSIX  ADVISORY  WRITE 123 fe:00:456 1073741824 1073742335", and "1: -> POSIX ..." for one
// that waits for the lock above it.
std::vector<pid_t> lockers(const struct stat& file, Locks which) {
    std::vector<pid_t> pids;
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
        if (kind == "->") {
            if (which != Locks::held_or_waited_for) continue;
            words >> kind;
        }
        if (!(words >> advisory >> access >> pid >> inode)) continue;
        if (which == Locks::exclusive && access != "WRITE") continue;
        unsigned int major = 0;
        unsigned int minor = 0;
        unsigned long long ino = 0;
        if (std::sscanf(inode.c_str(), "%x:%x:%llu", &major, &minor, &ino) != 3)
            continue;  // NOLINT: fixed format
        if (ino == file.st_ino && makedev(major, minor) == file.st_dev && pid > 0 && pid != ::getpid())
            pids.push_back(static_cast<pid_t>(pid));
    }
    return sorted(std::move(pids));
}

}  // namespace

std::vector<pid_t> find_openers(const struct stat& file) {
    return openers(file, false);
}

std::vector<pid_t> find_open_writers(const struct stat& file) {
    return openers(file, true);
}

std::vector<pid_t> find_lockers(const struct stat& file, bool waiters) {
    return lockers(file, waiters ? Locks::held_or_waited_for : Locks::held);
}

std::vector<pid_t> find_exclusive_lockers(const struct stat& file) {
    return lockers(file, Locks::exclusive);
}

std::string describe_processes(const std::vector<pid_t>& pids) {
    if (pids.empty()) return "a process that cannot be seen from here";
    std::string text = pids.size() == 1 ? "pid " : "pids ";
    for (std::size_t i = 0; i < pids.size(); ++i) {
        std::ifstream comm(fmt::format("/proc/{}/comm", pids[i]));
        std::string name;
        std::getline(comm, name);
        if (i > 0) text += ", ";
        text += std::to_string(pids[i]);
        if (!name.empty()) text += fmt::format(" ({})", escape(name));
    }
    return text;
}

}  // namespace kvctl
