#pragma once
#include <sqlite3.h>

#include <cstddef>

namespace kvctl::sqlite {

/// The VFS that SQLite takes by itself; always the same one, for shims have room for its files. SQLite must
/// be initialized.
inline sqlite3_vfs* default_vfs() {
    static sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
    return vfs;
}

using OpenFile = int(sqlite3_vfs*, const char*, sqlite3_file*, int, int*);

/// A VFS that does everything as the default one but opens files itself: an object of `file_bytes`, with the
/// default VFS's own file object behind it in the same allocation. Not registered yet.
inline sqlite3_vfs shim_over_default(const char* name, std::size_t file_bytes, OpenFile* open) {
    sqlite3_vfs vfs = *default_vfs();
    vfs.szOsFile += static_cast<int>(file_bytes);
    vfs.iVersion = 2;
    vfs.pNext = nullptr;
    vfs.zName = name;
    vfs.xOpen = open;
    return vfs;
}

}  // namespace kvctl::sqlite
