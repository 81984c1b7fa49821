#include "kvctl/store/replace.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "kvctl/base/error.hpp"
#include "kvctl/base/read_start.hpp"

namespace kvctl::store {
namespace {

// SQLite's pending, reserved and shared bytes.
constexpr off_t k_lock_bytes = 0x40000000;
constexpr off_t k_lock_length = 512;

// A descriptor with a write lock on SQLite's lock bytes: no other process gets any lock while it lives.
class LockBytes {
  public:
    explicit LockBytes(const std::string& path) : fd_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {
        if (fd_ < 0) throw io_error(path, "cannot open for locking", errno);
        struct flock lock {};
        lock.l_type = F_WRLCK;
        lock.l_whence = SEEK_SET;
        lock.l_start = k_lock_bytes;
        lock.l_len = k_lock_length;
        if (::fcntl(fd_, F_SETLK, &lock) != 0) {
            ::close(fd_);
            throw Error(ErrorKind::in_use,
                        path + ": another process opened it just before it was to be replaced");
        }
    }
    LockBytes(const LockBytes&) = delete;
    LockBytes& operator=(const LockBytes&) = delete;
    ~LockBytes() { ::close(fd_); }

    [[nodiscard]] int descriptor() const noexcept { return fd_; }

  private:
    int fd_;
};

// SQLite's header: the change counter, the number of pages, the schema's and the free list's state.
using Header = std::array<char, 100>;

Header read_header(int fd, const std::string& path) {
    Header header{};
    const ssize_t n = read_start(fd, header.data(), header.size());
    if (n < 0) throw io_error(path, "cannot read its header", errno);
    if (n != static_cast<ssize_t>(header.size()))
        throw Error(ErrorKind::in_use,
                    path + ": another process cut it short just before it was to be replaced");
    return header;
}

bool exists_with_content(const std::string& path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 && st.st_size > 0;
}

// What SQLite takes for a journal to roll back. In exclusive mode it ends a transaction by zeroing the
// header; a crash before the file is deleted leaves one that says nothing.
bool holds_transaction(const std::string& journal) {
    const int fd = ::open(journal.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) return false;
    char first = 0;
    const ssize_t n = fd < 0 ? -1 : read_start(fd, &first, 1);
    const int error = errno;
    if (fd >= 0) ::close(fd);
    if (n < 0) throw io_error(journal, "cannot read", error);
    return n == 1 && first != 0;
}

}  // namespace

void replace_store(SqliteWritable& writable, TempFile& replacement) {
    const std::string path = writable.info().path;
    const std::string real_path = writable.info().real_path;
    writable.checkpoint();
    const Fingerprint before = fingerprint(real_path);
    // Read while SQLite still holds the file.
    const Header header = read_header(writable.file().descriptor(), path);
    writable.close();
    const LockBytes lock(real_path);
    const Fingerprint now = fingerprint(real_path);
    if (read_header(lock.descriptor(), path) != header || exists_with_content(real_path + "-wal") ||
        holds_transaction(real_path + "-journal") || now.inode != before.inode || now.size != before.size ||
        now.modified_ns != before.modified_ns) {
        throw Error(ErrorKind::in_use,
                    path +
                        ": another process changed it just before it was to be replaced; it is as "
                        "that process left it");
    }
    // An empty -wal, a journal without a transaction or a stale -shm beside the new file would be the old
    // file's.
    ::unlink((real_path + "-journal").c_str());
    ::unlink((real_path + "-wal").c_str());
    ::unlink((real_path + "-shm").c_str());
    // A file system that loses these but keeps the rename would find the old file's -wal beside the new one.
    sync_folder(folder_of(real_path));
    try {
        replacement.publish_over(real_path);
    } catch (...) {
        if (replacement.published()) writable.note_change();
        throw;
    }
    writable.note_change();
}

void mark_wal_mode(const TempFile& file) {
    const std::array<char, 2> wal{2, 2};
    if (::pwrite(file.descriptor(), wal.data(), wal.size(), 18) != static_cast<ssize_t>(wal.size())) {
        throw io_error(file.path(), "cannot write its header", errno);
    }
}

}  // namespace kvctl::store
