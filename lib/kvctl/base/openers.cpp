#include "kvctl/base/openers.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
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

// Calls `found` with the process and the number of each descriptor of the file, until that says false: on to
// the next process.
template <typename Found>
void each_opener(const struct stat& file, const Found& found) {
    const Dir proc(::opendir("/proc"));
    if (!proc) return;
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
                target.st_dev == file.st_dev && !found(pid, own, std::string(fd->d_name))) {
                break;
            }
        }
    }
}

std::vector<pid_t> openers(const struct stat& file, bool writers) {
    std::vector<pid_t> pids;
    each_opener(file, [&](pid_t pid, const std::string& own, const std::string& fd) {
        if (writers && !may_write(own + "/fdinfo/" + fd)) return true;
        pids.push_back(pid);
        return false;
    });
    return sorted(std::move(pids));
}

std::string folder_of(const std::string& path) {
    return path.substr(0, path.rfind('/') + 1);
}

// A container has its own names for folders, which its own root tells; a process may also live below one
// that its names do not begin at.
bool same_folder(const std::string& process, const std::string& named, const std::string& ours) {
    struct stat here {};
    struct stat there {};
    if (::stat(ours.c_str(), &here) != 0) return false;
    if (::stat((process + "/root" + named).c_str(), &there) != 0 && ::stat(named.c_str(), &there) != 0)
        return named == ours;
    return here.st_ino == there.st_ino && here.st_dev == there.st_dev;
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

std::vector<OpenName> find_open_names(const struct stat& file, const std::string& path) {
    std::vector<OpenName> names;
    each_opener(file, [&](pid_t pid, const std::string& process, const std::string& fd) {
        std::array<char, PATH_MAX> text{};
        const ssize_t n = ::readlink((process + "/fd/" + fd).c_str(), text.data(), text.size());
        if (n <= 0) return true;
        OpenName found{pid, std::string(text.data(), static_cast<std::size_t>(n)), false};
        const std::string folder = folder_of(found.name);
        found.same = found.name.substr(folder.size()) == path.substr(folder_of(path).size()) &&
                     same_folder(process, folder, folder_of(path));
        const bool known = std::any_of(names.begin(), names.end(), [&](const OpenName& o) {
            return o.pid == found.pid && o.name == found.name;
        });
        if (!known) names.push_back(std::move(found));
        return true;
    });
    return names;
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
