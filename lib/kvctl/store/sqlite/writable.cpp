#include "kvctl/store/sqlite/writable.hpp"

#include <sys/stat.h>

#include <chrono>
#include <thread>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/file_names.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/sqlite/holders.hpp"
#include "kvctl/store/holders.hpp"
#include "kvctl/store/sqlite/execute.hpp"
#include "kvctl/store/sqlite/journal.hpp"
#include "kvctl/store/sqlite/name_doubt.hpp"
#include "kvctl/store/sqlite/page_check.hpp"

namespace kvctl::store {
namespace {

using Clock = std::chrono::steady_clock;

// One look may fall between two transactions of a process that is about to end.
constexpr int k_idle_looks = 5;

// A -wal or -journal that lies beside another name of the file.
void refuse_name(const StoreInfo& info) {
    if (const auto doubt = doubt_name(info, false)) throw refusal_of(info.path, *doubt);
}

void pause() {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    check_interrupt();
}

bool exists_with_content(const std::string& path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 && st.st_size > 0;
}

// The whole header of a database: magic, change counter, number of pages, the schema's and the free list's
// state. Without the magic nobody opens it, and whoever has read it looks again when the counter is another.
FileRules sqlite_rules() {
    return {FileLock::sqlite_bytes, {0, 100}, {"-journal", "-wal", "-shm"}};
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

SqliteWritable SqliteWritable::open(const std::string& path, const OpenOptions& options) {
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
            refuse_name(info);
            Connection c{sqlite::Database::open(real_path, sqlite::Database::Mode::write),
                         Connection::Access::owned,
                         fingerprint(real_path),
                         {}};
            c.db.show_as(path);
            c.db.busy_timeout(0);
            if (take_lock(c.db)) {
                refuse_name(info);  // somebody may have come and gone meanwhile
                SqliteWritable w;
                w.idle_holders_ = holders.open;
                w.several_names_ = has_other_names(real_path);
                c.db.exec("PRAGMA synchronous=FULL");
                // What was rolled back with the lock may have brought another page size or journal mode back.
                if (info.journal_bytes > 0) {
                    w.file_.emplace(real_path, SourceFile::Access::write);
                    info = inspect_file(path, real_path, w.file_->descriptor());
                }
                w.store_ = make_sqlite_store(std::move(info), std::move(c), options);
                w.store_->doubt_indexes();
                return w;
            }
        }
        const std::string open_as =
            info.wal_mode && holders.locked ? open_by_another_name(real_path) : std::string();
        idle_looks = info.wal_mode && (holders.idle || !open_as.empty()) ? idle_looks + 1 : 0;
        const bool in_vain = idle_looks >= k_idle_looks && !options.waits_for_idle;
        if (in_vain || Clock::now() >= deadline) {
            const std::string waited =
                in_vain ? "" : fmt::format("; waited {} ms (--timeout)", options.timeout_ms);
            if (info.wal_mode)
                throw Error(ErrorKind::in_use, in_use_by(path, holders.pids()) + open_as + waited);
            throw Error(ErrorKind::busy,
                        fmt::format("{}: locked by {}{}", path, sqlite::describe(holders.pids()), waited));
        }
        if (options.waiting != nullptr)
            options.waiting->update("waiting for " + sqlite::describe(holders.pids()), 0, 0);
        pause();
    }
}

void SqliteWritable::checkpoint() {
    if (!store_->info().wal_mode) return;
    sqlite::Statement s = store_->db().prepare("PRAGMA wal_checkpoint(TRUNCATE)");
    if (s.step() && s.integer(0) != 0) {
        throw Error(ErrorKind::busy, info().path + ": its -wal could not be moved into the file");
    }
}

const SourceFile& SqliteWritable::file() {
    if (!file_) file_.emplace(info().real_path, SourceFile::Access::write);
    return *file_;
}

void SqliteWritable::check_pages() {
    if (pages_sound_) return;
    checkpoint();
    store::check_pages(store_->db(), info(), file());
    pages_sound_ = true;
}

void SqliteWritable::backup(const std::string& to) {
    checkpoint();
    copy_to_new_file(file(), to);
}

Replacement SqliteWritable::begin_replacement() {
    checkpoint();
    return {{info().path, info().real_path, file().descriptor()}, sqlite_rules()};
}

void SqliteWritable::replace_by(Replacement& replacement) {
    const std::string& real_path = info().real_path;
    // SQLite's own lock has kept everybody out since before the first look: only somebody who takes no lock.
    if (exists_with_content(real_path + "-wal") || holds_transaction(real_path + "-journal")) {
        throw Error(ErrorKind::in_use, info().path +
                                           ": another process wrote into it while it was copied; it is as "
                                           "that process left it");
    }
    try {
        replacement.commit();
    } catch (...) {
        if (replacement.published()) note_change();
        throw;
    }
    note_change();
    close();
}

void SqliteWritable::close() {
    if (store_) store_->db().close();
    store_.reset();
    file_.reset();
}

std::string SqliteWritable::why_in_place() const {
    return store::why_in_place(several_names_, !idle_holders_.empty());
}

void SqliteWritable::execute(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                             Strategy strategy, std::optional<std::int64_t> batch,
                             const Execution& execution) {
    if (strategy == Strategy::rewrite) {
        execute_rewrite(*this, index, plan, execution);
    } else {
        execute_in_place(*this, index, plan, execution, batch);
    }
}

void SqliteWritable::shrink(Progress* progress) {
    store::shrink(*this, progress);
}

void SqliteStore::check_executable(Findings& findings) {
    const auto refuse = [&](const std::string& what) {
        const std::string message = fmt::format("{}: table {} has {}", info_.path, table_.name, what);
        findings.push_back(
            {Finding::Severity::error, "not-executable", "table " + table_.name, message, std::nullopt});
        throw Error(ErrorKind::refused, message);
    };
    check_name(true);
    const bool kine = in_kine_table();
    if (!table_.triggers.empty())
        refuse(fmt::format("the trigger '{}'; drop it first", escape(table_.triggers.front())));
    for (const Column& c : table_.columns) {
        const bool known = kine ? is_one_of(k_kine_columns, c.name) : is_one_of(k_native_columns, c.name);
        if (c.generated || (!known && (kine || !c.has_default))) {
            refuse(fmt::format("the column '{}', which is not {}", escape(c.name),
                               kine ? "kine's" : "the layout's"));
        }
    }
}

}  // namespace kvctl::store
