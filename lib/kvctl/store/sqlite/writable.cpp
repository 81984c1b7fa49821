#include "kvctl/store/sqlite/writable.hpp"

#include <sys/stat.h>

#include <chrono>
#include <thread>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/sqlite/holders.hpp"
#include "kvctl/store/sqlite/page_check.hpp"

namespace kvctl::store {
namespace {

using Clock = std::chrono::steady_clock;

// One look may fall between two transactions of a process that is about to end.
constexpr int k_idle_looks = 5;

void pause() {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    check_interrupt();
}

// Takes the exclusive lock and keeps it: with this locking mode SQLite holds on to it until the connection
// closes, and keeps the wal-index on the heap. The setting must come before the first read.
bool take_lock(sqlite::Database& db) {
    db.exec("PRAGMA locking_mode=EXCLUSIVE");
    try {
        db.exec("BEGIN EXCLUSIVE");
        // Not COMMIT: where the header tells another size than the file has, SQLite mends it as it begins.
        db.exec("ROLLBACK");
        return true;
    } catch (const Error& e) {
        if (e.kind() == ErrorKind::busy) return false;
        throw;
    }
}

}  // namespace

std::string in_use_by(const std::string& path, const std::vector<pid_t>& pids) {
    return path + ": in use by " + sqlite::describe(pids) +
           ": stop it first (a k3s or kine server keeps its store open)";
}

WritableStore WritableStore::open(const std::string& path, const OpenOptions& options) {
    const std::string real_path = resolve_path(path);
    StoreInfo info = inspect_file(path, real_path);
    TempFile::remove_abandoned(real_path);
    const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(options.timeout_ms);
    int idle_looks = 0;
    for (;;) {
        // Before SQLite opens the file: closing a descriptor of it later would drop this process's own locks.
        const sqlite::Holders holders = sqlite::find_holders(real_path, true);
        // In WAL mode even an idle connection would go on with a file that is no longer there.
        if (!holders.locked && !(info.wal_mode && !holders.open.empty())) {
            Connection c{sqlite::Database::open(real_path, sqlite::Database::Mode::write),
                         Connection::Access::owned, fingerprint(real_path)};
            c.db.busy_timeout(0);
            if (take_lock(c.db)) {
                WritableStore w;
                w.idle_holders_ = holders.open;
                struct stat st {};
                if (::stat(real_path.c_str(), &st) == 0) w.hard_links_ = st.st_nlink;
                c.db.exec("PRAGMA synchronous=FULL");
                // What was rolled back with the lock may have brought another page size or journal mode back.
                if (info.journal_bytes > 0) {
                    w.file_.emplace(real_path);
                    info = inspect_file(path, real_path, w.file_->descriptor());
                }
                w.store_ = make_sqlite_store(std::move(info), std::move(c), options);
                w.store_->doubt_indexes();
                return w;
            }
        }
        idle_looks = info.wal_mode && holders.idle ? idle_looks + 1 : 0;
        const bool in_vain = idle_looks >= k_idle_looks && !options.waits_for_idle;
        if (in_vain || Clock::now() >= deadline) {
            const std::string waited =
                in_vain ? "" : "; waited " + std::to_string(options.timeout_ms) + " ms (--timeout)";
            if (info.wal_mode) throw Error(ErrorKind::in_use, in_use_by(path, holders.pids()) + waited);
            throw Error(ErrorKind::busy, path + ": locked by " + sqlite::describe(holders.pids()) + waited);
        }
        if (options.waiting != nullptr)
            options.waiting->update("waiting for " + sqlite::describe(holders.pids()), 0, 0);
        pause();
    }
}

void WritableStore::checkpoint() {
    if (!store_->info().wal_mode) return;
    sqlite::Statement s = store_->db().prepare("PRAGMA wal_checkpoint(TRUNCATE)");
    if (s.step() && s.integer(0) != 0) {
        throw Error(ErrorKind::busy, info().path + ": its -wal could not be moved into the file");
    }
}

const SourceFile& WritableStore::file() {
    if (!file_) file_.emplace(info().real_path);
    return *file_;
}

void WritableStore::check_pages() {
    if (pages_sound_) return;
    checkpoint();
    store::check_pages(store_->db(), info(), file());
    pages_sound_ = true;
}

void WritableStore::backup(const std::string& to) {
    checkpoint();
    copy_to_new_file(file(), to);
}

void WritableStore::close() {
    if (store_) store_->db().close();
    store_.reset();
    file_.reset();
}

void check_executable(SqliteStore& store) {
    const TableInfo& table = store.table();
    const std::string& path = store.info().path;
    const bool kine = store.info().layout == Layout::kine;
    if (!table.triggers.empty()) {
        throw Error(ErrorKind::refused, path + ": table " + table.name + " has the trigger '" +
                                            escape(table.triggers.front()) + "'; drop it first");
    }
    for (const Column& c : table.columns) {
        const bool known = kine ? is_one_of(k_kine_columns, c.name) : is_one_of(k_native_columns, c.name);
        if (c.generated || (!known && (kine || !c.has_default))) {
            throw Error(ErrorKind::refused, path + ": table " + table.name + " has the column '" +
                                                escape(c.name) + "', which is not " +
                                                (kine ? "kine's" : "the layout's"));
        }
    }
}

}  // namespace kvctl::store
