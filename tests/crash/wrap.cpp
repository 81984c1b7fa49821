// The program's own system calls, wrapped by the linker (--wrap): told to the watcher as SQLite's are by the
// VFS.
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "tests/crash/allocator.hpp"
#include "tests/crash/watcher.hpp"

using kvctl::crash::bytes_of;
using kvctl::crash::Call;
using kvctl::crash::Calm;
using kvctl::crash::Verdict;
using kvctl::crash::Watcher;
using kvctl::crash::watcher_of;
using kvctl::crash::watcher_of_folder;

namespace {

struct Handle {
    kvctl::crash::Opened file;
    bool folder = false;
};

std::map<int, Handle>& handles() {
    static std::map<int, Handle> all;
    return all;
}

std::string absolute(const char* path) {
    std::string p(path);
    if (p.starts_with("/")) return p;
    std::array<char, PATH_MAX> cwd{};
    if (::getcwd(cwd.data(), cwd.size()) == nullptr) return p;
    return p == "." ? std::string(cwd.data()) : std::string(cwd.data()) + "/" + p;
}

bool there(const std::string& path) {
    struct stat st {};
    return ::lstat(path.c_str(), &st) == 0;
}

bool is_folder(const std::string& path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

// True when the call must not be carried out; errno is set.
bool fails(Watcher* w, Call call, const std::string& path) {
    if (w == nullptr) return false;
    const Verdict v = w->before(call, path);
    if (v.error != 0) errno = v.error;
    return v.error != 0;
}

const Handle* handle_of(int fd) {
    const auto found = handles().find(fd);
    return found == handles().end() ? nullptr : &found->second;
}

// Before a read of n bytes, which may become fewer. False: it fails; errno is set.
bool asked(int fd, size_t& n) {
    const Handle* const h = handle_of(fd);
    Watcher* const w = h != nullptr ? watcher_of(h->file.path) : nullptr;
    if (w == nullptr) return true;
    const Verdict v = w->before(Call::read, h->file.path);
    n = bytes_of(v, n);
    if (v.error != 0) errno = v.error;
    return v.error == 0;
}

}  // namespace

extern "C" {

int __real_open(const char* path, int flags, ...);
ssize_t __real_read(int fd, void* out, size_t n);
ssize_t __real_pread(int fd, void* out, size_t n, off_t at);
ssize_t __real_write(int fd, const void* data, size_t n);
ssize_t __real_pwrite(int fd, const void* data, size_t n, off_t at);
int __real_fsync(int fd);
int __real_close(int fd);
int __real_rename(const char* from, const char* to);
int __real_renameat2(int a, const char* from, int b, const char* to, unsigned flags);
int __real_link(const char* from, const char* to);
int __real_unlink(const char* path);
int __real_unlinkat(int folder, const char* name, int flags);
int __real_fchmod(int fd, mode_t mode);
DIR* __real_opendir(const char* path);
void* __real_mmap(void* address, size_t n, int protection, int flags, int fd, off_t at);

int __wrap_open(const char* path, int flags, ...) {
    const Calm calm;
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list list;
        va_start(list, flags);
        mode = va_arg(list, mode_t);
        va_end(list);
    }
    const std::string full = absolute(path);
    Watcher* const file = watcher_of(full);
    Watcher* const folder = watcher_of_folder(full);
    Watcher* const w = file != nullptr ? file : folder;
    if (w == nullptr) return __real_open(path, flags, mode);
    if (fails(w, Call::open, full)) return -1;
    const bool existed = there(full);
    const int fd = __real_open(path, flags, mode);
    if (fd < 0) return fd;
    Handle& h = handles()[fd];
    h = {{full, kvctl::crash::inode_of(full)}, folder != nullptr || is_folder(full)};
    if (!existed) w->created(h.file);
    return fd;
}

int __wrap_close(int fd) {
    const Calm calm;
    handles().erase(fd);
    return __real_close(fd);
}

ssize_t __wrap_read(int fd, void* out, size_t n) {
    const Calm calm;
    return asked(fd, n) ? __real_read(fd, out, n) : -1;
}

ssize_t __wrap_pread(int fd, void* out, size_t n, off_t at) {
    const Calm calm;
    return asked(fd, n) ? __real_pread(fd, out, n, at) : -1;
}

static ssize_t watched_write(int fd, const void* data, size_t n, off_t at, bool positioned) {
    const Calm calm;
    const Handle* const h = handle_of(fd);
    Watcher* const w = h != nullptr ? watcher_of(h->file.path) : nullptr;
    if (w != nullptr) {
        const Verdict v = w->before(Call::write, h->file.path);
        if (v.error != 0) {
            errno = v.error;
            return -1;
        }
        n = bytes_of(v, n);
        if (!positioned) at = ::lseek(fd, 0, SEEK_CUR);
    }
    const ssize_t done = positioned ? __real_pwrite(fd, data, n, at) : __real_write(fd, data, n);
    if (w != nullptr && done > 0)
        w->wrote(h->file, at, {static_cast<const char*>(data), static_cast<size_t>(done)});
    return done;
}

ssize_t __wrap_write(int fd, const void* data, size_t n) {
    const Calm calm;
    return watched_write(fd, data, n, 0, false);
}

ssize_t __wrap_pwrite(int fd, const void* data, size_t n, off_t at) {
    const Calm calm;
    return watched_write(fd, data, n, at, true);
}

int __wrap_fsync(int fd) {
    const Calm calm;
    const Handle* const h = handle_of(fd);
    if (h == nullptr) return __real_fsync(fd);
    if (h->folder) {
        Watcher* const own = watcher_of_folder(h->file.path);
        Watcher* const w = own != nullptr ? own : watcher_of(h->file.path);
        if (w == nullptr) return __real_fsync(fd);
        if (fails(w, Call::folder_sync, h->file.path)) return -1;
        w->folder_synced();
        return 0;
    }
    Watcher* const w = watcher_of(h->file.path);
    if (w == nullptr) return __real_fsync(fd);
    if (fails(w, Call::sync, h->file.path)) return -1;
    w->synced(h->file, false);
    return 0;
}

int __wrap_rename(const char* from, const char* to) {
    const Calm calm;
    const std::string a = absolute(from);
    const std::string b = absolute(to);
    Watcher* const w = watcher_of(a);
    if (fails(w, Call::rename, a)) return -1;
    const int rc = __real_rename(from, to);
    if (rc == 0 && w != nullptr) w->renamed(a, b);
    return rc;
}

int __wrap_renameat2(int x, const char* from, int y, const char* to, unsigned flags) {
    const Calm calm;
    const std::string a = absolute(from);
    Watcher* const w = watcher_of(a);
    if (fails(w, Call::rename, a)) return -1;
    const int rc = __real_renameat2(x, from, y, to, flags);
    if (rc == 0 && w != nullptr) w->renamed(a, absolute(to));
    return rc;
}

int __wrap_link(const char* from, const char* to) {
    const Calm calm;
    const std::string a = absolute(from);
    Watcher* const w = watcher_of(a);
    if (fails(w, Call::link, a)) return -1;
    const int rc = __real_link(from, to);
    if (rc == 0 && w != nullptr) w->linked(a, absolute(to));
    return rc;
}

int __wrap_unlink(const char* path) {
    const Calm calm;
    const std::string full = absolute(path);
    Watcher* const w = watcher_of(full);
    if (w == nullptr) return __real_unlink(path);
    if (!there(full)) return __real_unlink(path);
    if (fails(w, Call::remove, full)) return -1;
    const int rc = __real_unlink(path);
    if (rc == 0) w->removed(full);
    return rc;
}

int __wrap_unlinkat(int folder, const char* name, int flags) {
    const Calm calm;
    std::array<char, PATH_MAX> path{};
    const std::string link = "/proc/self/fd/" + std::to_string(folder);
    if (flags != 0 || ::readlink(link.c_str(), path.data(), path.size() - 1) < 0)
        return __real_unlinkat(folder, name, flags);
    const std::string full = std::string(path.data()) + "/" + name;
    Watcher* const w = watcher_of(full);
    if (fails(w, Call::remove, full)) return -1;
    const int rc = __real_unlinkat(folder, name, flags);
    if (rc == 0 && w != nullptr) w->removed(full);
    return rc;
}

int __wrap_fchmod(int fd, mode_t mode) {
    const Calm calm;
    const Handle* const h = handle_of(fd);
    if (h != nullptr && fails(watcher_of(h->file.path), Call::chmod, h->file.path)) return -1;
    return __real_fchmod(fd, mode);
}

void* __wrap_mmap(void* address, size_t n, int protection, int flags, int fd, off_t at) {
    const Calm calm;
    const Handle* const h = handle_of(fd);
    if (h != nullptr && fails(watcher_of(h->file.path), Call::map, h->file.path)) return MAP_FAILED;
    return __real_mmap(address, n, protection, flags, fd, at);
}

// Who has a store open is looked up among all processes. One stands for them.
DIR* __wrap_opendir(const char* path) {
    if (std::string_view(path) != "/proc") return __real_opendir(path);
    const Calm calm;
    if (Watcher* const w = kvctl::crash::any_watcher(); w != nullptr) w->looks_around();
    std::array<char, 64> threads{};
    (void)std::snprintf(threads.data(), threads.size(), "/proc/%d/task",
                        static_cast<int>(kvctl::crash::shown_process()));
    return __real_opendir(threads.data());
}

}  // extern "C"
