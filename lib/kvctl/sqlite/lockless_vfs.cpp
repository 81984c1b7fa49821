#include "kvctl/sqlite/lockless_vfs.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <new>
#include <string_view>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/mapped_file.hpp"
#include "kvctl/sqlite/runs_vfs.hpp"
#include "kvctl/sqlite/vfs_shim.hpp"

namespace kvctl::sqlite {
namespace {

// The file SQLite sees; the default VFS's own file object follows it in the same allocation.
struct File {
    sqlite3_file base;
    sqlite3_file* real;  // nullptr: an absent -wal, which reads as empty
    ReadRuns reads;
    const char* name;           // SQLite's own copy
    WatchedPages mapped;        // what SQLite has mapped of it
    sqlite3_int64 counted = 0;  // of a file that may end too early: the bytes its header counts
};

File* self(sqlite3_file* file) {
    return reinterpret_cast<File*>(file);
}

int close_file(sqlite3_file* file) {
    sqlite3_file* const real = self(file)->real;
    self(file)->mapped = {};  // which closing unmaps
    const int rc = real == nullptr ? SQLITE_OK : real->pMethods->xClose(real);
    self(file)->~File();
    return rc;
}

int read_file(sqlite3_file* file, void* out, int amount, sqlite3_int64 offset) {
    sqlite3_file* const real = self(file)->real;
    if (real != nullptr) {
        const int rc = self(file)->reads.read(real, out, amount, offset);
        // SQLite takes a short read for zeros, which an overflow page may well hold.
        return rc == SQLITE_IOERR_SHORT_READ && self(file)->counted != 0 ? SQLITE_CORRUPT : rc;
    }
    std::memset(out, 0, static_cast<std::size_t>(amount));
    return SQLITE_IOERR_SHORT_READ;
}

int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
    sqlite3_file* const real = self(file)->real;
    *size = 0;
    const int rc = real == nullptr ? SQLITE_OK : real->pMethods->xFileSize(real, size);
    *size = std::max(*size, self(file)->counted);
    return rc;
}

int refuse_write(sqlite3_file* /*file*/, const void* /*data*/, int /*amount*/, sqlite3_int64 /*offset*/) {
    return SQLITE_READONLY;
}
int refuse_truncate(sqlite3_file* /*file*/, sqlite3_int64 /*size*/) {
    return SQLITE_READONLY;
}
int no_sync(sqlite3_file* /*file*/, int /*flags*/) {
    return SQLITE_OK;
}
int no_lock(sqlite3_file* /*file*/, int /*level*/) {
    return SQLITE_OK;
}
int nothing_reserved(sqlite3_file* /*file*/, int* reserved) {
    *reserved = 0;
    return SQLITE_OK;
}

int control(sqlite3_file* file, int operation, void* argument) {
    sqlite3_file* const real = self(file)->real;
    return real == nullptr ? SQLITE_NOTFOUND : real->pMethods->xFileControl(real, operation, argument);
}

int sector_size(sqlite3_file* /*file*/) {
    return 4096;
}
int characteristics(sqlite3_file* /*file*/) {
    return 0;
}

int fetch(sqlite3_file* file, sqlite3_int64 offset, int amount, void** page) {
    sqlite3_file* const real = self(file)->real;
    *page = nullptr;
    if (real == nullptr || real->pMethods->iVersion < 3) return SQLITE_OK;
    const int rc = real->pMethods->xFetch(real, offset, amount, page);
    if (rc != SQLITE_OK || *page == nullptr) return rc;
    // SQLite maps from the beginning of the file, and anew where it has grown.
    const char* const begin = static_cast<const char*>(*page) - offset;
    const std::size_t reached = static_cast<std::size_t>(offset) + static_cast<std::size_t>(amount);
    WatchedPages& mapped = self(file)->mapped;
    if (mapped.bytes().data() == begin && mapped.bytes().size() >= reached) return SQLITE_OK;
    sqlite3_int64 size = 0;
    (void)real->pMethods->xFileSize(real, &size);
    mapped = {};
    mapped = WatchedPages({begin, std::max(static_cast<std::size_t>(size), reached)}, self(file)->name);
    return SQLITE_OK;
}

// Without a page: all of the mapping goes.
int unfetch(sqlite3_file* file, sqlite3_int64 offset, void* page) {
    sqlite3_file* const real = self(file)->real;
    if (real == nullptr || real->pMethods->iVersion < 3) return SQLITE_OK;
    if (page == nullptr) self(file)->mapped = {};
    return real->pMethods->xUnfetch(real, offset, page);
}

const sqlite3_io_methods k_methods = {
    3,       close_file, read_file,        refuse_write, refuse_truncate, no_sync,         size_of_file,
    no_lock, no_lock,    nothing_reserved, control,      sector_size,     characteristics, nullptr,
    nullptr, nullptr,    nullptr,          fetch,        unfetch,
};

// What the header of a database counts; 0 where it does not say.
sqlite3_int64 counted_bytes(sqlite3_file* real) {
    std::array<unsigned char, 100> header{};
    if (real->pMethods->xRead(real, header.data(), static_cast<int>(header.size()), 0) != SQLITE_OK ||
        be32(&header[24]) != be32(&header[92]))
        return 0;
    const std::uint32_t size = be32(&header[16]) >> 16;
    return std::int64_t{be32(&header[28])} * (size == 1 ? 65536 : size);
}

int open_file(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    File* const f = new (file) File{};
    sqlite3_vfs* const real_vfs = default_vfs();
    const bool is_main = (flags & SQLITE_OPEN_MAIN_DB) != 0;
    const bool is_wal = (flags & SQLITE_OPEN_WAL) != 0;
    if (!is_main && !is_wal) {
        // Temporary files of sorts and the like: nothing to do with the database, and deleted when closed.
        if (name != nullptr) return SQLITE_CANTOPEN;
        return real_vfs->xOpen(real_vfs, name, file, flags, out_flags);
    }
    f->real = reinterpret_cast<sqlite3_file*>(f + 1);
    f->name = name;
    int opened = 0;
    const int type = is_main ? SQLITE_OPEN_MAIN_DB : SQLITE_OPEN_WAL;
    int there = 0;
    if (is_wal) {
        const int rc = real_vfs->xAccess(real_vfs, name, SQLITE_ACCESS_EXISTS, &there);
        if (rc != SQLITE_OK) return rc;
    }
    if (is_wal && there == 0) {
        f->real = nullptr;
    } else {
        f->real->pMethods = nullptr;
        // The -wal is opened as another database file: the default VFS then neither creates nor locks it.
        const int rc = real_vfs->xOpen(real_vfs, name, f->real, SQLITE_OPEN_READONLY | type, &opened);
        if (rc != SQLITE_OK) {
            if (f->real->pMethods != nullptr) f->real->pMethods->xClose(f->real);
            f->~File();
            file->pMethods = nullptr;
            return rc;
        }
    }
    f->base.pMethods = &k_methods;
    if (out_flags != nullptr) *out_flags = SQLITE_OPEN_READONLY | type;
    return SQLITE_OK;
}

int refuse_delete(sqlite3_vfs* /*vfs*/, const char* /*name*/, int /*sync*/) {
    return SQLITE_READONLY;
}

int access_file(sqlite3_vfs* /*vfs*/, const char* name, int flags, int* result) {
    // A -journal beside the file is that of the writer on whose behalf this reads, and not hot.
    if (flags == SQLITE_ACCESS_EXISTS && std::string_view(name).ends_with("-journal")) {
        *result = 0;
        return SQLITE_OK;
    }
    sqlite3_vfs* const real = default_vfs();
    return real->xAccess(real, name, flags, result);
}

int open_cut_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    const int rc = open_file(vfs, name, file, flags, out_flags);
    if (rc == SQLITE_OK && (flags & SQLITE_OPEN_MAIN_DB) != 0)
        self(file)->counted = counted_bytes(self(file)->real);
    return rc;
}

constexpr std::string_view k_own_descriptors = "/proc/self/fd/";

using OpenCall = int (*)(const char*, int, int);
OpenCall g_open = nullptr;  // what SQLite opens files with otherwise

// SQLite follows no link. A file without a name is only reached through one.
int open_through_link(const char* path, int flags, int mode) {
    return g_open(path, std::string_view(path).starts_with(k_own_descriptors) ? flags & ~O_NOFOLLOW : flags,
                  mode);
}

void let_descriptors_be_opened() {
    sqlite3_vfs* const real = default_vfs();
    if (real->iVersion < 3 || real->xGetSystemCall == nullptr) return;
    const auto before = reinterpret_cast<OpenCall>(real->xGetSystemCall(real, "open"));
    if (before == nullptr || before == open_through_link) return;
    g_open = before;
    real->xSetSystemCall(real, "open", reinterpret_cast<sqlite3_syscall_ptr>(open_through_link));
}

int full_path(sqlite3_vfs* /*vfs*/, const char* name, int size, char* out) {
    // A file without a name, open here: following the link would lead to the name it had.
    const std::string_view path(name);
    if (path.starts_with(k_own_descriptors) && path.size() < static_cast<std::size_t>(size)) {
        std::memcpy(out, name, path.size() + 1);
        return SQLITE_OK;
    }
    sqlite3_vfs* const real = default_vfs();
    return real->xFullPathname(real, name, size, out);
}

void register_reader(sqlite3_vfs& vfs, const char* name, OpenFile* open) {
    let_descriptors_be_opened();
    vfs = shim_over_default(name, sizeof(File), open);
    vfs.xDelete = refuse_delete;
    vfs.xAccess = access_file;
    vfs.xFullPathname = full_path;
    sqlite3_vfs_register(&vfs, 0);
}

}  // namespace

const char* lockless_vfs() {
    static constexpr const char* k_name = "kvctl-lockless";
    static std::once_flag once;
    static sqlite3_vfs vfs;
    std::call_once(once, [] { register_reader(vfs, k_name, open_file); });
    return k_name;
}

const char* cut_file_vfs() {
    static constexpr const char* k_name = "kvctl-cut-file";
    static std::once_flag once;
    static sqlite3_vfs vfs;
    std::call_once(once, [] { register_reader(vfs, k_name, open_cut_file); });
    return k_name;
}

}  // namespace kvctl::sqlite
