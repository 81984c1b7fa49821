#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <mutex>
#include <new>
#include <utility>

#include "kvctl/base/interrupt.hpp"
#include "kvctl/sqlite/database.hpp"
#include "kvctl/sqlite/failure.hpp"
#include "kvctl/sqlite/functions.hpp"
#include "kvctl/sqlite/lockless_vfs.hpp"
#include "kvctl/sqlite/lost_reads.hpp"
#include "kvctl/sqlite/runs_vfs.hpp"

// How a file is opened: what SQLite may do there, and what nothing in the file can make it do.
namespace kvctl::sqlite {
namespace {

void start_sqlite() {
    static std::once_flag once;
    // Nobody asks how much memory it has, and counting takes a mutex at each allocation: a twentieth of an
    // import.
    std::call_once(once, [] {
        sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
        watch_memory();
    });
    if (sqlite3_initialize() != SQLITE_OK) throw std::bad_alloc();
}

int interrupted(void* /*unused*/) {
    return interrupt_signal() != 0 ? 1 : 0;
}

// What the program's own statements and any store's rows stay below.
constexpr std::array<std::pair<int, int>, 8> k_limits{{
    {SQLITE_LIMIT_LENGTH, 256 << 20},  // a row; the longest line of a history file as well
    {SQLITE_LIMIT_SQL_LENGTH, 1000000},
    {SQLITE_LIMIT_EXPR_DEPTH, 100},
    {SQLITE_LIMIT_COMPOUND_SELECT, 10},
    {SQLITE_LIMIT_FUNCTION_ARG, 16},
    {SQLITE_LIMIT_ATTACHED, 2},
    {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
    {SQLITE_LIMIT_WORKER_THREADS, 0},
}};

}  // namespace

void Database::stop_when_interrupted(bool stops) const {
    sqlite3_progress_handler(handle_, stops ? 10000 : 0, interrupted, nullptr);
}

void Database::interrupt() const noexcept {
    sqlite3_interrupt(handle_);
}

Database Database::open(const std::string& path, Mode mode) {
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    switch (mode) {
        case Mode::read:
        case Mode::lockless:
        case Mode::cut:
            flags |= SQLITE_OPEN_READONLY;
            break;
        case Mode::write:
            flags |= SQLITE_OPEN_READWRITE;
            break;
        // URI: whoever makes a file may attach another one with settings of its own.
        case Mode::create:
            flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI;
            break;
    }
    // SQLite falls back to reading where writing is not allowed, and reports a directory as "unable to open":
    // ask first.
    struct stat st {};
    if (mode != Mode::create && ::stat(path.c_str(), &st) != 0) throw io_error(path, "cannot open", errno);
    start_sqlite();
    watch_reads();
    set_lost_read(0);
    Database db(path);  // before there is a handle to lose
    const bool lockless = mode == Mode::lockless || mode == Mode::cut;
    const char* const vfs = mode == Mode::cut ? cut_file_vfs() : lockless ? lockless_vfs() : runs_vfs();
    const int rc = sqlite3_open_v2(path.c_str(), &db.handle_, flags, vfs);
    sqlite3* const handle = db.handle_;
    if (rc != SQLITE_OK) fail(handle, path, rc, nullptr);
    if ((mode == Mode::write || mode == Mode::create) && sqlite3_db_readonly(handle, "main") == 1) {
        // Why: SQLite does not say. The file is not opened once more, which would drop locks when closed.
        const bool allowed = ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0;
        throw io_error(path, "cannot be written", allowed ? EROFS : errno);
    }
    // Nothing a file's schema says may run: no triggers, views, checks, virtual tables or functions of its
    // own, no writes to the schema by name. (A file being made needs no journal and takes over schema text
    // that never runs, both of which DEFENSIVE forbids.)
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, mode == Mode::create ? 0 : 1, nullptr);
    if (mode == Mode::create) lockless_vfs();
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_FKEY, 0, nullptr);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
    std::array<const char*, 2> modules{"dbstat", nullptr};  // all others go: full text, R-trees
    sqlite3_drop_modules(handle, modules.data());
    for (const auto& [limit, value] : k_limits) sqlite3_limit(handle, limit, value);
    db.stop_when_interrupted(true);
    db.exec("PRAGMA cell_size_check=ON");
    // What is read or copied is taken as it is; a row that is changed must still please its table.
    if (mode != Mode::write) db.exec("PRAGMA ignore_check_constraints=ON");
    if (lockless) db.exec("PRAGMA locking_mode=EXCLUSIVE");
    return db;
}

}  // namespace kvctl::sqlite
