#include <sqlite3.h>
#include <sys/stat.h>

#include <new>
#include <stdexcept>
#include <string>

#include "tests/crash/allocator.hpp"
#include "tests/crash/watcher.hpp"

// A VFS on top of SQLite's own that tells the watcher of every change, and simulates syncs. What else fails
// does so below SQLite's own VFS (sqlite_calls.cpp).
namespace kvctl::crash {
namespace {

struct File {
    sqlite3_file base;
    sqlite3_file* real;
    Opened* opened;   // without a path: a temporary file of SQLite's, not watched
    bool syncs_name;  // the first sync of a new journal also syncs the folder's entry
};

sqlite3_vfs* real_vfs = nullptr;

File* self(sqlite3_file* file) {
    return reinterpret_cast<File*>(file);
}
sqlite3_file* real(sqlite3_file* file) {
    return self(file)->real;
}
const sqlite3_io_methods* methods(sqlite3_file* file) {
    return self(file)->real->pMethods;
}
Watcher* watcher(sqlite3_file* file) {
    return watcher_of(self(file)->opened->path);
}

int x_close(sqlite3_file* file) {
    const Calm calm;
    const int rc = methods(file)->xClose(real(file));
    delete self(file)->opened;
    return rc;
}

int x_read(sqlite3_file* file, void* out, int amount, sqlite3_int64 offset) {
    const Calm calm;
    return methods(file)->xRead(real(file), out, amount, offset);
}

int x_write(sqlite3_file* file, const void* data, int amount, sqlite3_int64 offset) {
    const Calm calm;
    const int rc = methods(file)->xWrite(real(file), data, amount, offset);
    Watcher* const w = watcher(file);
    if (rc == SQLITE_OK && w != nullptr) {
        w->wrote(*self(file)->opened, offset,
                 {static_cast<const char*>(data), static_cast<std::size_t>(amount)});
    }
    return rc;
}

int x_truncate(sqlite3_file* file, sqlite3_int64 size) {
    const Calm calm;
    const int rc = methods(file)->xTruncate(real(file), size);
    if (Watcher* const w = watcher(file); rc == SQLITE_OK && w != nullptr)
        w->truncated(*self(file)->opened, size);
    return rc;
}

int x_sync(sqlite3_file* file, int flags) {
    const Calm calm;
    Watcher* const w = watcher(file);
    if (w == nullptr) return methods(file)->xSync(real(file), flags);
    // SQLite's own tries no sync again, whatever it failed with.
    if (w->before(Call::sync, self(file)->opened->path).error != 0) return SQLITE_IOERR_FSYNC;
    w->synced(*self(file)->opened, self(file)->syncs_name);
    self(file)->syncs_name = false;
    return SQLITE_OK;  // the disk is a simulated one
}

int x_size(sqlite3_file* file, sqlite3_int64* size) {
    return methods(file)->xFileSize(real(file), size);
}
int x_lock(sqlite3_file* file, int level) {
    return methods(file)->xLock(real(file), level);
}
int x_unlock(sqlite3_file* file, int level) {
    return methods(file)->xUnlock(real(file), level);
}
int x_check_lock(sqlite3_file* file, int* out) {
    return methods(file)->xCheckReservedLock(real(file), out);
}

int x_control(sqlite3_file* file, int operation, void* argument) {
    // Growing a file ahead of its writes would go past the watcher.
    if (operation == SQLITE_FCNTL_SIZE_HINT || operation == SQLITE_FCNTL_CHUNK_SIZE) return SQLITE_OK;
    return methods(file)->xFileControl(real(file), operation, argument);
}

int x_sector(sqlite3_file* file) {
    return methods(file)->xSectorSize(real(file));
}
int x_traits(sqlite3_file* file) {
    return methods(file)->xDeviceCharacteristics(real(file));
}
int x_shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
    return methods(file)->xShmMap(real(file), page, size, extend, out);
}
int x_shm_lock(sqlite3_file* file, int offset, int n, int flags) {
    return methods(file)->xShmLock(real(file), offset, n, flags);
}
void x_shm_barrier(sqlite3_file* file) {
    methods(file)->xShmBarrier(real(file));
}
int x_shm_unmap(sqlite3_file* file, int remove) {
    return methods(file)->xShmUnmap(real(file), remove);
}

int x_fetch(sqlite3_file* file, sqlite3_int64 offset, int amount, void** page) {
    return methods(file)->xFetch(real(file), offset, amount, page);
}
int x_unfetch(sqlite3_file* file, sqlite3_int64 offset, void* page) {
    return methods(file)->xUnfetch(real(file), offset, page);
}

const sqlite3_io_methods k_methods = {
    3,          x_close,       x_read,       x_write,   x_truncate, x_sync,   x_size,
    x_lock,     x_unlock,      x_check_lock, x_control, x_sector,   x_traits, x_shm_map,
    x_shm_lock, x_shm_barrier, x_shm_unmap,  x_fetch,   x_unfetch,
};

int x_open(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    const Calm calm;
    File* const f = new (file) File{};
    f->real = reinterpret_cast<sqlite3_file*>(f + 1);
    f->opened = new Opened{name != nullptr ? name : "", 0};
    Watcher* const w = watcher_of(f->opened->path);
    bool existed = true;
    struct stat st {};  // xAccess takes an empty file for none
    if (w != nullptr) existed = ::stat(name, &st) == 0;
    const int rc = real_vfs->xOpen(real_vfs, name, f->real, flags, out_flags);
    if (rc != SQLITE_OK) {
        if (f->real->pMethods != nullptr) f->real->pMethods->xClose(f->real);
        delete f->opened;
        return rc;
    }
    f->base.pMethods = &k_methods;
    if (w != nullptr) f->opened->inode = inode_of(name);
    if (w != nullptr && !existed) w->created(*f->opened);
    f->syncs_name = (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL)) != 0 &&
                    (flags & SQLITE_OPEN_CREATE) != 0;
    return SQLITE_OK;
}

int x_delete(sqlite3_vfs* /*vfs*/, const char* name, int sync_folder) {
    const Calm calm;
    Watcher* const w = watcher_of(name);
    if (w == nullptr) return real_vfs->xDelete(real_vfs, name, sync_folder);
    const int rc = real_vfs->xDelete(real_vfs, name, 0);
    if (rc != SQLITE_OK) return rc;
    w->removed(name);
    if (sync_folder == 0) return rc;
    if (w->before(Call::folder_sync, name).error != 0) return SQLITE_IOERR_DIR_FSYNC;
    w->folder_synced();
    return rc;
}

}  // namespace

void install_vfs() {
    static sqlite3_vfs vfs;
    real_vfs = sqlite3_vfs_find("unix");
    if (real_vfs == nullptr) throw std::runtime_error("SQLite has no unix VFS here");
    vfs = *real_vfs;
    vfs.zName = "kvctl-watched";
    vfs.szOsFile = static_cast<int>(sizeof(File)) + real_vfs->szOsFile;
    vfs.pNext = nullptr;
    vfs.xOpen = x_open;
    vfs.xDelete = x_delete;
    // Those that take the VFS hand on SQLite's own.
    vfs.xAccess = [](sqlite3_vfs*, const char* name, int flags, int* out) {
        return real_vfs->xAccess(real_vfs, name, flags, out);
    };
    vfs.xFullPathname = [](sqlite3_vfs*, const char* name, int size, char* out) {
        return real_vfs->xFullPathname(real_vfs, name, size, out);
    };
    watch_sqlite_calls(*real_vfs);
    if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK) throw std::runtime_error("the VFS cannot be registered");
}

}  // namespace kvctl::crash
