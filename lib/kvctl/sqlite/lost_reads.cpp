#include "kvctl/sqlite/lost_reads.hpp"

#include <sqlite3.h>
#include <sys/types.h>

#include <cerrno>
#include <mutex>
#include <utility>

namespace kvctl::sqlite {
namespace {

using Pread = ssize_t(int, void*, std::size_t, off_t);

thread_local int lost_read = 0;

// SQLite calls the one of the two it was built with. 64-bit offsets either way here.
Pread* real_pread = nullptr;
Pread* real_pread64 = nullptr;

ssize_t noted(ssize_t got) noexcept {
    if (got < 0 && errno != EINTR) lost_read = errno;
    return got;
}

ssize_t pread_noted(int fd, void* out, std::size_t n, off_t at) {
    return noted(real_pread(fd, out, n, at));
}
ssize_t pread64_noted(int fd, void* out, std::size_t n, off_t at) {
    return noted(real_pread64(fd, out, n, at));
}

void watch(sqlite3_vfs* vfs, const char* name, Pread*& real, Pread* mine) {
    const sqlite3_syscall_ptr now = vfs->xGetSystemCall(vfs, name);
    if (now == nullptr) return;
    real = reinterpret_cast<Pread*>(now);
    vfs->xSetSystemCall(vfs, name, reinterpret_cast<sqlite3_syscall_ptr>(mine));
}

}  // namespace

void watch_reads() {
    static_assert(sizeof(off_t) == 8);
    static std::once_flag once;
    std::call_once(once, [] {
        sqlite3_vfs* const vfs = sqlite3_vfs_find("unix");
        if (vfs == nullptr || vfs->iVersion < 3) return;
        watch(vfs, "pread", real_pread, pread_noted);
        watch(vfs, "pread64", real_pread64, pread64_noted);
    });
}

int take_lost_read() noexcept {
    return std::exchange(lost_read, 0);
}

void set_lost_read(int error) noexcept {
    lost_read = error;
}

}  // namespace kvctl::sqlite
