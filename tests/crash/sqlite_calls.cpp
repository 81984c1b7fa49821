#include <sqlite3.h>
#include <sys/types.h>

#include <cerrno>
#include <map>
#include <string>

#include "tests/crash/allocator.hpp"
#include "tests/crash/watcher.hpp"

// The system calls of SQLite's own VFS, asked of the watcher first. They fail below it, so that what SQLite
// makes of an error, of an interrupted call and of half a write is SQLite's own.
namespace kvctl::crash {
namespace {

struct Calls {
    int (*open)(const char*, int, int);
    int (*close)(int);
    ssize_t (*read)(int, void*, size_t);
    ssize_t (*pread)(int, void*, size_t, off_t);
    ssize_t (*pread64)(int, void*, size_t, off_t);
    ssize_t (*write)(int, const void*, size_t);
    ssize_t (*pwrite)(int, const void*, size_t, off_t);
    ssize_t (*pwrite64)(int, const void*, size_t, off_t);
    int (*ftruncate)(int, off_t);
    int (*fchmod)(int, mode_t);
    int (*unlink)(const char*);
    void* (*mmap)(void*, size_t, int, int, int, off_t);
};
Calls real;

std::map<int, std::string>& paths() {
    static std::map<int, std::string> all;
    return all;
}

Verdict ask(Call call, const std::string& path) {
    Watcher* const w = watcher_of(path);
    const Verdict v = w != nullptr ? w->before(call, path) : Verdict{};
    if (v.error != 0) errno = v.error;
    return v;
}

Verdict ask(Call call, int fd) {
    const auto found = paths().find(fd);
    return found == paths().end() ? Verdict{} : ask(call, found->second);
}

int open_file(const char* path, int flags, int mode) {
    const Calm calm;
    if (ask(Call::open, path).error != 0) return -1;
    const int fd = real.open(path, flags, mode);
    if (fd >= 0 && watcher_of(path) != nullptr) paths()[fd] = path;
    return fd;
}

int close_file(int fd) {
    const Calm calm;
    paths().erase(fd);
    return real.close(fd);
}

// `transfer` moves as many bytes as it is given.
template <typename Transfer>
ssize_t moved(Call call, int fd, size_t n, Transfer transfer) {
    const Calm calm;
    const Verdict v = ask(call, fd);
    return v.error != 0 ? -1 : transfer(bytes_of(v, n));
}

ssize_t read_file(int fd, void* out, size_t n) {
    return moved(Call::read, fd, n, [&](size_t some) { return real.read(fd, out, some); });
}
ssize_t pread_file(int fd, void* out, size_t n, off_t at) {
    return moved(Call::read, fd, n, [&](size_t some) { return real.pread(fd, out, some, at); });
}
ssize_t pread64_file(int fd, void* out, size_t n, off_t at) {
    return moved(Call::read, fd, n, [&](size_t some) { return real.pread64(fd, out, some, at); });
}
ssize_t write_file(int fd, const void* data, size_t n) {
    return moved(Call::write, fd, n, [&](size_t some) { return real.write(fd, data, some); });
}
ssize_t pwrite_file(int fd, const void* data, size_t n, off_t at) {
    return moved(Call::write, fd, n, [&](size_t some) { return real.pwrite(fd, data, some, at); });
}
ssize_t pwrite64_file(int fd, const void* data, size_t n, off_t at) {
    return moved(Call::write, fd, n, [&](size_t some) { return real.pwrite64(fd, data, some, at); });
}

int truncate_file(int fd, off_t size) {
    const Calm calm;
    return ask(Call::truncate, fd).error != 0 ? -1 : real.ftruncate(fd, size);
}

int chmod_file(int fd, mode_t mode) {
    const Calm calm;
    return ask(Call::chmod, fd).error != 0 ? -1 : real.fchmod(fd, mode);
}

int unlink_file(const char* path) {
    const Calm calm;
    return ask(Call::remove, path).error != 0 ? -1 : real.unlink(path);
}

void* map_file(void* address, size_t n, int protection, int flags, int fd, off_t at) {
    const Calm calm;
    void* const failed = reinterpret_cast<void*>(-1);  // MAP_FAILED, without its cast
    return ask(Call::map, fd).error != 0 ? failed : real.mmap(address, n, protection, flags, fd, at);
}

// Keeps what SQLite calls now, and has it call `mine`. A call SQLite was built without stays out.
template <typename F>
void replace(sqlite3_vfs& vfs, const char* name, F*& kept, F* mine) {
    const sqlite3_syscall_ptr now = vfs.xGetSystemCall(&vfs, name);
    if (now == nullptr) return;
    kept = reinterpret_cast<F*>(now);
    vfs.xSetSystemCall(&vfs, name, reinterpret_cast<sqlite3_syscall_ptr>(mine));
}

}  // namespace

void watch_sqlite_calls(sqlite3_vfs& vfs) {
    replace(vfs, "open", real.open, open_file);
    replace(vfs, "close", real.close, close_file);
    replace(vfs, "read", real.read, read_file);
    replace(vfs, "pread", real.pread, pread_file);
    replace(vfs, "pread64", real.pread64, pread64_file);
    replace(vfs, "write", real.write, write_file);
    replace(vfs, "pwrite", real.pwrite, pwrite_file);
    replace(vfs, "pwrite64", real.pwrite64, pwrite64_file);
    replace(vfs, "ftruncate", real.ftruncate, truncate_file);
    replace(vfs, "fchmod", real.fchmod, chmod_file);
    replace(vfs, "unlink", real.unlink, unlink_file);
    replace(vfs, "mmap", real.mmap, map_file);
}

}  // namespace kvctl::crash
