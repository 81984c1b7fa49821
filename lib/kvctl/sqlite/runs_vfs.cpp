#include "kvctl/sqlite/runs_vfs.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <new>

#include "kvctl/sqlite/lost_reads.hpp"
#include "kvctl/sqlite/vfs_shim.hpp"

namespace kvctl::sqlite {
namespace {

// SQLite's own files take less than 128 KiB at once.
constexpr int k_read_run = 64 << 10;
constexpr int k_write_run = 64 << 10;

// Writes to a new file that follow each other, as one.
class WriteRuns {
  public:
    int write(sqlite3_file* real, const void* data, int amount, sqlite3_int64 offset) {
        if (failed_ != SQLITE_OK) return failed_;
        const bool follows = size_ > 0 && offset >= begin_ && offset <= begin_ + size_ &&
                             offset + amount <= begin_ + k_write_run;
        if (!follows) {
            if (const int rc = flush(real); rc != SQLITE_OK) return rc;
            if (bytes_ == nullptr) bytes_.reset(new (std::nothrow) unsigned char[k_write_run]);
            if (bytes_ == nullptr || amount >= k_write_run)
                return real->pMethods->xWrite(real, data, amount, offset);
            begin_ = offset;
        }
        const auto at = static_cast<int>(offset - begin_);
        std::memcpy(bytes_.get() + at, data, static_cast<std::size_t>(amount));
        size_ = std::max(size_, at + amount);
        return SQLITE_OK;
    }

    int flush(sqlite3_file* real) {
        if (failed_ != SQLITE_OK || size_ == 0) return failed_;
        failed_ = real->pMethods->xWrite(real, bytes_.get(), size_, begin_);
        size_ = 0;
        return failed_;
    }

    // Before somebody looks at these bytes of the file.
    int flush(sqlite3_file* real, int amount, sqlite3_int64 offset) {
        const bool touched = offset < begin_ + size_ && begin_ < offset + amount;
        return touched ? flush(real) : failed_;
    }

    [[nodiscard]] int failed() const noexcept { return failed_; }
    [[nodiscard]] sqlite3_int64 end() const noexcept { return size_ == 0 ? 0 : begin_ + size_; }

  private:
    std::unique_ptr<unsigned char[]> bytes_;  // NOLINT: allocated without being cleared
    sqlite3_int64 begin_ = 0;
    int size_ = 0;
    int failed_ = SQLITE_OK;
};

// The file SQLite sees; the default VFS's own file object follows it in the same allocation.
struct File {
    sqlite3_file base;
    sqlite3_file* real;
    bool is_new;
    ReadRuns reads;
    WriteRuns writes;
};

File& self(sqlite3_file* file) {
    return *reinterpret_cast<File*>(file);
}

int close_file(sqlite3_file* file) {
    File& f = self(file);
    sqlite3_file* const real = f.real;
    const int written = f.writes.flush(real);
    const int closed = real->pMethods->xClose(real);
    f.~File();
    return written != SQLITE_OK ? written : closed;
}

int read_file(sqlite3_file* file, void* out, int amount, sqlite3_int64 offset) {
    File& f = self(file);
    // A run may be read, not just what is asked for.
    const int most = std::max(amount, k_read_run);
    if (const int rc = f.writes.flush(f.real, most, offset); rc != SQLITE_OK) return rc;
    return f.reads.read(f.real, out, amount, offset);
}

int write_file(sqlite3_file* file, const void* data, int amount, sqlite3_int64 offset) {
    File& f = self(file);
    f.reads.forget();
    return f.is_new ? f.writes.write(f.real, data, amount, offset)
                    : f.real->pMethods->xWrite(f.real, data, amount, offset);
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
    File& f = self(file);
    f.reads.forget();
    if (const int rc = f.writes.flush(f.real); rc != SQLITE_OK) return rc;
    return f.real->pMethods->xTruncate(f.real, size);
}

int sync_file(sqlite3_file* file, int flags) {
    File& f = self(file);
    if (const int rc = f.writes.flush(f.real); rc != SQLITE_OK) return rc;
    return f.real->pMethods->xSync(f.real, flags);
}

int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
    File& f = self(file);
    if (f.writes.failed() != SQLITE_OK) return f.writes.failed();
    const int rc = f.real->pMethods->xFileSize(f.real, size);
    if (rc == SQLITE_OK) *size = std::max(*size, f.writes.end());
    return rc;
}

// Between two locks others may write.
int lock_file(sqlite3_file* file, int level) {
    File& f = self(file);
    f.reads.forget();
    return f.real->pMethods->xLock(f.real, level);
}

int unlock_file(sqlite3_file* file, int level) {
    sqlite3_file* const real = self(file).real;
    return real->pMethods->xUnlock(real, level);
}

int check_reserved(sqlite3_file* file, int* reserved) {
    sqlite3_file* const real = self(file).real;
    return real->pMethods->xCheckReservedLock(real, reserved);
}

int control(sqlite3_file* file, int operation, void* argument) {
    File& f = self(file);
    // The end of a transaction is told here even where nothing is synced. The size that is coming is told
    // before every write.
    if (operation != SQLITE_FCNTL_SIZE_HINT) {
        if (const int rc = f.writes.flush(f.real); rc != SQLITE_OK) return rc;
    }
    return f.real->pMethods->xFileControl(f.real, operation, argument);
}

int sector_size(sqlite3_file* file) {
    sqlite3_file* const real = self(file).real;
    return real->pMethods->xSectorSize(real);
}

int characteristics(sqlite3_file* file) {
    sqlite3_file* const real = self(file).real;
    return real->pMethods->xDeviceCharacteristics(real);
}

int map_memory(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
    sqlite3_file* const real = self(file).real;
    return real->pMethods->xShmMap(real, region, size, extend, out);
}

int lock_memory(sqlite3_file* file, int offset, int n, int flags) {
    File& f = self(file);
    f.reads.forget();
    return f.real->pMethods->xShmLock(f.real, offset, n, flags);
}

void memory_barrier(sqlite3_file* file) {
    sqlite3_file* const real = self(file).real;
    real->pMethods->xShmBarrier(real);
}

int unmap_memory(sqlite3_file* file, int remove) {
    sqlite3_file* const real = self(file).real;
    return real->pMethods->xShmUnmap(real, remove);
}

int fetch(sqlite3_file* file, sqlite3_int64 offset, int amount, void** page) {
    File& f = self(file);
    *page = nullptr;
    if (const int rc = f.writes.flush(f.real, amount, offset); rc != SQLITE_OK) return rc;
    return f.real->pMethods->xFetch(f.real, offset, amount, page);
}

int unfetch(sqlite3_file* file, sqlite3_int64 offset, void* page) {
    sqlite3_file* const real = self(file).real;
    return real->pMethods->xUnfetch(real, offset, page);
}

const sqlite3_io_methods k_methods = {
    3,           close_file,     read_file,      write_file, truncate_file, sync_file,       size_of_file,
    lock_file,   unlock_file,    check_reserved, control,    sector_size,   characteristics, map_memory,
    lock_memory, memory_barrier, unmap_memory,   fetch,      unfetch,
};

int open_file(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    sqlite3_vfs* const real_vfs = default_vfs();
    if ((flags & SQLITE_OPEN_MAIN_DB) == 0) return real_vfs->xOpen(real_vfs, name, file, flags, out_flags);
    auto* const f = new (file) File{};
    f->is_new = (flags & SQLITE_OPEN_CREATE) != 0;
    f->real = reinterpret_cast<sqlite3_file*>(f + 1);
    f->real->pMethods = nullptr;
    const int rc = real_vfs->xOpen(real_vfs, name, f->real, flags, out_flags);
    if (rc == SQLITE_OK && f->real->pMethods->iVersion >= 3) {
        f->base.pMethods = &k_methods;
        return SQLITE_OK;
    }
    if (f->real->pMethods != nullptr) f->real->pMethods->xClose(f->real);
    f->~File();
    file->pMethods = nullptr;
    return rc != SQLITE_OK ? rc : SQLITE_CANTOPEN;
}

}  // namespace

int ReadRuns::read(sqlite3_file* real, void* out, int amount, sqlite3_int64 offset) {
    if (offset >= begin_ && offset + amount <= begin_ + size_) {
        std::memcpy(out, bytes_.get() + (offset - begin_), static_cast<std::size_t>(amount));
        ends_.front() = offset + amount;
        return SQLITE_OK;
    }
    const bool follows = std::any_of(ends_.begin(), ends_.end(), [&](sqlite3_int64 end) {
        return offset >= end && offset - end < k_read_run;
    });
    ends_ = {offset + amount, ends_.front()};
    if (follows && amount * 4 <= k_read_run) {
        if (bytes_ == nullptr) bytes_.reset(new (std::nothrow) unsigned char[k_read_run]);
        size_ = 0;
        const int lost = take_lost_read();
        if (bytes_ != nullptr && real->pMethods->xRead(real, bytes_.get(), k_read_run, offset) == SQLITE_OK) {
            begin_ = offset;
            size_ = k_read_run;
            std::memcpy(out, bytes_.get(), static_cast<std::size_t>(amount));
        }
        set_lost_read(lost);  // behind the page that is wanted, nobody may ever look
        if (size_ != 0) return SQLITE_OK;
    }
    return real->pMethods->xRead(real, out, amount, offset);  // the end of the file, or the place of an error
}

const char* runs_vfs() {
    static constexpr const char* k_name = "kvctl-runs";
    static std::once_flag once;
    static sqlite3_vfs vfs;
    std::call_once(once, [] {
        vfs = shim_over_default(k_name, sizeof(File), open_file);
        sqlite3_vfs_register(&vfs, 0);
    });
    return k_name;
}

}  // namespace kvctl::sqlite
