#include "kvctl/store/sqlite/connection.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <exception>
#include <optional>
#include <thread>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/cores.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/helper_thread.hpp"
#include "kvctl/base/read_start.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/sqlite/holders.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::store {
namespace {

std::uint64_t size_of(const std::string& path) noexcept {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 ? static_cast<std::uint64_t>(st.st_size) : 0;
}

}  // namespace

StoreInfo inspect_file(const std::string& given_path, const std::string& real_path) {
    const int fd = ::open(real_path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) throw io_error(given_path, "cannot open", errno);
    struct Close {
        int fd;
        ~Close() { ::close(fd); }
    } const close{fd};
    return inspect_file(given_path, real_path, fd);
}

StoreInfo inspect_file(const std::string& given_path, const std::string& real_path, int fd) {
    StoreInfo info;
    info.path = given_path;
    info.real_path = real_path;
    struct stat st {};
    std::array<unsigned char, 100> header{};
    const int stat_rc = ::fstat(fd, &st);
    const bool regular = stat_rc == 0 && S_ISREG(st.st_mode);
    const ssize_t got = regular ? read_start(fd, header.data(), header.size()) : 0;
    const int read_errno = errno;
    if (stat_rc != 0 || got < 0) throw io_error(given_path, "cannot read", read_errno);
    if (!regular) throw Error(ErrorKind::not_a_store, given_path + ": not a regular file");
    info.wal_bytes = size_of(real_path + "-wal");
    info.journal_bytes = size_of(real_path + "-journal");
    if (st.st_size == 0 && info.wal_bytes == 0)
        throw Error(ErrorKind::not_a_store, given_path + ": the file is empty");
    const std::string_view magic(reinterpret_cast<const char*>(header.data()), k_sqlite_magic.size());
    if (got < static_cast<ssize_t>(header.size()) || magic != k_sqlite_magic) {
        if (got > 0 && k_sqlite_magic.starts_with(
                           magic.substr(0, std::min<std::size_t>(static_cast<std::size_t>(got), 16)))) {
            throw Error(ErrorKind::damaged, given_path + ": truncated: the file ends inside SQLite's header");
        }
        throw Error(ErrorKind::not_a_store,
                    given_path +
                        ": not an SQLite database, an etcd db or a dqlite directory (which is named as a "
                        "whole, not by a file in it)");
    }
    info.file_bytes = static_cast<std::uint64_t>(st.st_size);
    const std::uint32_t page_size = static_cast<std::uint32_t>(header[16]) << 8 | header[17];
    info.page_size = page_size == 1 ? 65536 : page_size;
    if (info.page_size < 512 || (info.page_size & (info.page_size - 1)) != 0) {
        throw Error(ErrorKind::damaged,
                    fmt::format("{}: the header gives a page size of {}", given_path, page_size));
    }
    info.reserved_bytes = header[20];
    if (info.usable_size() < 480) {
        throw Error(ErrorKind::damaged, fmt::format("{}: the header reserves {} of the {} bytes of a page",
                                                    given_path, header[20], info.page_size));
    }
    if (const std::uint32_t format = be32(&header[44]); format > 4) {
        throw Error(ErrorKind::damaged,
                    fmt::format("{}: the header gives a schema format of {}", given_path, format));
    }
    info.wal_mode = header[18] == 2 && header[19] == 2;
    const bool counted = be32(&header[24]) == be32(&header[92]);
    const std::uint64_t pages = be32(&header[28]);
    if (counted && info.wal_bytes == 0 && info.journal_bytes == 0 &&
        pages * info.page_size > info.file_bytes) {
        throw Error(ErrorKind::damaged,
                    fmt::format("{}: truncated: {}, but the header counts {} of {}", given_path,
                                many(info.file_bytes, "byte"), many(pages, "page"), info.page_size));
    }
    return info;
}

Connection open_for_reading(const StoreInfo& info, int timeout_ms) {
    const Fingerprint seen = fingerprint(info.real_path);
    // A -shm is the mark of somebody who has the file open, or had; a look at all processes is only worth it
    // then.
    struct stat shm {};
    const bool shared_memory = info.wal_mode && ::stat((info.real_path + "-shm").c_str(), &shm) == 0;
    const sqlite::Holders holders = sqlite::find_holders(info.real_path, shared_memory);
    // What an archive was unpacked into has no name that others could open it by.
    const bool unnamed = info.real_path.starts_with("/proc/self/fd/");
    std::optional<NameDoubt> doubt = unnamed ? std::nullopt : doubt_name(info, holders.locked);
    // Beside this name would lie a -shm of its own, which says nothing of what the others do.
    const bool lockless = unnamed || (info.wal_mode && (!holders.any() || doubt));
    const auto mode = lockless ? sqlite::Database::Mode::lockless : sqlite::Database::Mode::read;
    const auto access = lockless        ? Connection::Access::lockless
                        : info.wal_mode ? Connection::Access::live
                                        : Connection::Access::shared;
    Connection c{sqlite::Database::open(info.real_path, mode), access, seen, std::move(doubt)};
    c.db.show_as(info.path);
    c.db.busy_timeout(timeout_ms);
    try {
        c.db.exec("BEGIN");
        (void)c.db.integer("SELECT count(*) FROM sqlite_schema");
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::busy) throw;
        const sqlite::Holders now = sqlite::find_holders(info.real_path, false);
        throw Error(ErrorKind::busy, fmt::format("{}: locked by {}; gave up after {} ms", info.path,
                                                 sqlite::describe(now.locking), timeout_ms));
    }
    // Nobody can write now; a moment ago somebody could.
    if (access == Connection::Access::shared) c.seen = fingerprint(info.real_path);
    return c;
}

// A live WAL may move on between the two.
void on_connections(
    Connection& connection, const std::string& real_path, bool many,
    const std::function<void(const sqlite::Database&, std::size_t, const std::atomic<bool>&)>& work) {
    std::atomic<bool> failed{false};
    std::exception_ptr error;
    std::optional<sqlite::Database> own;
    std::jthread second;
    if (many && usable_cores() > 1 && connection.access != Connection::Access::live) {
        // Without locks of its own: the first connection's lock (or the fact that nobody has the file open)
        // stands for both. A second lock would wait for ever behind a writer that waits for the first.
        own = sqlite::Database::open(real_path, sqlite::Database::Mode::lockless);
        own->show_as(connection.db.path());
        second = start_helper([&] {
            try {
                work(*own, 1, failed);
            } catch (...) {
                error = std::current_exception();
                failed = true;
            }
        });
    }
    try {
        work(connection.db, 0, failed);
    } catch (...) {
        failed = true;
        if (own) own->interrupt();
        if (second.joinable()) second.join();
        throw;
    }
    if (second.joinable()) second.join();
    if (error) std::rethrow_exception(error);
}

std::string sqlite_version() {
    return sqlite::library_version();
}

}  // namespace kvctl::store
