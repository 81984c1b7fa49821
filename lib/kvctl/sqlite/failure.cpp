#include "kvctl/sqlite/failure.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <new>
#include <string_view>

#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/sqlite/lost_reads.hpp"

namespace kvctl::sqlite {
namespace {

// Whether an allocation failed, or may have: nobody listened.
std::atomic<bool> memory_ran_out{true};

ErrorKind kind_of(int extended) noexcept {
    switch (extended & 0xFF) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return ErrorKind::busy;
        case SQLITE_CORRUPT:
        // Rows that the file's own constraints do not allow, or longer than any row of a store.
        case SQLITE_CONSTRAINT:
        case SQLITE_MISMATCH:
        case SQLITE_TOOBIG:
            return ErrorKind::damaged;
        // The statements are ours; what they name is the file's: a function, collation, module or view of its
        // schema that does not run here.
        case SQLITE_ERROR:
        case SQLITE_AUTH:
            return ErrorKind::refused;
        case SQLITE_NOTADB:
            return ErrorKind::not_a_store;
        case SQLITE_FULL:
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
        case SQLITE_READONLY:
            return ErrorKind::io;
        case SQLITE_INTERRUPT:
            return ErrorKind::interrupted;
        default:
            return ErrorKind::internal;
    }
}

// SQLite does not say which file it cannot open, and only it knows where what messages call `path` lies.
void tell_unreadable(sqlite3* db, const std::string& shown) {
    const char* const name = db != nullptr ? sqlite3_db_filename(db, "main") : nullptr;
    const std::string path = name != nullptr && *name != '\0' ? name : shown;
    for (const char* const suffix : {"-wal", "-shm", "-journal"}) {
        const std::string beside = path + suffix;
        if (::faccessat(AT_FDCWD, beside.c_str(), R_OK, AT_EACCESS) != 0 && errno == EACCES)
            throw io_error(beside, "cannot open", EACCES);
    }
}

}  // namespace

void watch_memory() {
    // Its allocator says "failed to allocate" or "failed memory resize"; what behind that fails has the same
    // code, and is all where no memory was asked for.
    const auto listen = +[](void* /*unused*/, int code, const char* said) {
        if (code == SQLITE_NOMEM && std::string_view(said).starts_with("failed ")) memory_ran_out = true;
    };
    if (sqlite3_config(SQLITE_CONFIG_LOG, listen, nullptr) == SQLITE_OK) memory_ran_out = false;
}

void fail(sqlite3* db, const std::string& path, int rc, const char* sql) {
    const int extended = db != nullptr ? sqlite3_extended_errcode(db) : rc;
    if ((extended & 0xFF) == SQLITE_INTERRUPT) check_interrupt();
    if ((extended & 0xFF) == SQLITE_CORRUPT) {
        if (const int error = take_lost_read(); error != 0) throw io_error(path, "cannot be read", error);
    }
    if ((extended & 0xFF) == SQLITE_CANTOPEN) tell_unreadable(db, path);
    // A row whose length is damaged is too long for SQLite to ask for that much.
    if ((extended & 0xFF) == SQLITE_NOMEM && !memory_ran_out)
        throw Error(ErrorKind::damaged, path + ": a row tells a length that cannot be");
    const char* const said = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
    // The parser also says so where it had no memory for what it had read. No text prepared here is
    // incomplete: a schema's have been parsed once when the store was opened.
    if (extended == SQLITE_ERROR && std::string_view(said) == "incomplete input") throw std::bad_alloc();
    std::string message = fmt::format("{}: {} (SQLite {})", path, said, extended);
    if ((extended & 0xFF) == SQLITE_BUSY) message += "; a server may still have the file open";
    if (extended == SQLITE_READONLY_ROLLBACK) {
        throw Error(
            ErrorKind::refused,
            fmt::format("{}: a transaction was cut short and its -journal lies beside the file; reading "
                        "would show half of it. The server's next start or a run that writes ({}) rolls "
                        "it back",
                        path, command_on(path, "vacuum")));
    }
    if (sql != nullptr && kind_of(extended) == ErrorKind::internal) message += std::string("; in: ") + sql;
    throw Error(kind_of(extended), message);
}

void throw_unless_fault(const std::string& path, std::string_view line) {
    if (const int error = take_lost_read(); error != 0) throw io_error(path, "cannot be read", error);
    // SQLITE_NOMEM: the page may well be sound.
    if (line.ends_with("unable to get the page. error code=7")) throw std::bad_alloc();
}

}  // namespace kvctl::sqlite
