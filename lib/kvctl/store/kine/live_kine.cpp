#include "kvctl/store/kine/live_kine.hpp"

#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "kvctl/base/error.hpp"
#include "kvctl/base/files.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/network_file_system.hpp"
#include "kvctl/base/openers.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/store/kine/kine.hpp"
#include "kvctl/store/kine/live_run.hpp"
#include "kvctl/store/sqlite/bookkeeping.hpp"
#include "kvctl/store/sqlite/delete_kine.hpp"

namespace kvctl::store {
namespace {

using Clock = std::chrono::steady_clock;

// From this much on a -wal is moved into the file as soon as it grows: so that no writer of the server's
// comes to do it, who would wait for the disk meanwhile.
constexpr std::uint64_t k_wal_bytes = std::uint64_t{4} << 20;

std::chrono::microseconds since(Clock::time_point begin) {
    return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
}

[[noreturn]] void refuse_compact_rows(const std::string& path, std::uint64_t rows) {
    throw Error(ErrorKind::refused,
                fmt::format("{}: {} rows hold the compact revision, a running kine needs exactly one; stop "
                            "it and compact without --live, which leaves one",
                            path, group_digits(rows)));
}

void refuse_network(const std::string& path, const std::string& real_path) {
    if (const auto name = network_file_system(real_path)) {
        throw Error(ErrorKind::refused,
                    fmt::format("{}: lies on a network file system ({}), on which SQLite's locks cannot be "
                                "relied on: stop the server and compact without --live",
                                path, *name));
    }
}

}  // namespace

void refuse_unless_live(Store& store) {
    const std::string& path = store.info().path;
    auto* const kine = dynamic_cast<KineStore*>(&store);
    if (kine == nullptr) refuse_live(path);
    refuse_network(path, store.info().real_path);
    const TableInfo& table = kine->table();
    if (!table.indexed_by("name")) {
        throw Error(ErrorKind::refused, path +
                                            ": has no index by name: every step would read the whole table "
                                            "while writers wait; start the server once, which makes it");
    }
    const bool old = std::none_of(table.indexes.begin(), table.indexes.end(), [](const IndexInfo& i) {
        return i.is_on({"name", "id"});
    });
    if (old) {
        throw Error(ErrorKind::refused,
                    path +
                        ": was last started by a kine before 0.5.0, which compacts row by row and does not "
                        "look whether somebody else does; stop it and compact without --live");
    }
    if (const std::uint64_t rows = kine->head().bookkeeping_rows; rows != 1) refuse_compact_rows(path, rows);
}

LiveKine::LiveKine(const std::string& path, const OpenOptions& options, int timeout_ms) : path_(path) {
    const std::string real_path = resolve_path(path);
    refuse_network(path, real_path);
    // Before SQLite opens it, and open as long as SQLite has it.
    file_.emplace(real_path);
    if (::flock(file_->descriptor(), LOCK_EX | LOCK_NB) != 0)
        throw Error(ErrorKind::in_use, path + ": another kvctl is compacting it beside the server");
    StoreInfo info = inspect_file(path, real_path, file_->descriptor());
    // A lock of the server's is not asked for, which takes a descriptor to close: whoever has it counts.
    if (const auto doubt = doubt_name(info, true)) throw refusal_of(path, *doubt);
    Connection connection{sqlite::Database::open(real_path, sqlite::Database::Mode::write),
                          Connection::Access::live,
                          fingerprint(real_path),
                          {}};
    connection.db.show_as(path);
    connection.db.busy_timeout(timeout_ms);
    store_ = make_sqlite_store(std::move(info), std::move(connection), options);
    configure(timeout_ms);
    check_store();
}

void LiveKine::configure(int timeout_ms) {
    timeout_ = std::chrono::milliseconds(timeout_ms);
    db().when_busy([this](int tries) { return wait_for_lock(tries); });
    // kine's own; what a power cut takes is the last compactions, as a whole.
    db().exec("PRAGMA synchronous=NORMAL");
    db().exec("PRAGMA secure_delete=FAST");
    db().exec("PRAGMA cache_size=-65536");
    // Not inside a transaction that somebody waits for: checkpoint() does it behind.
    db().exec("PRAGMA wal_autocheckpoint=0");
}

void LiveKine::check_store() {
    auto* const kine = dynamic_cast<KineStore*>(store_.get());
    if (kine == nullptr) refuse_live(path_);
    Findings findings;
    kine->check_executable(findings);
    refuse_unless_live(*kine);
}

void LiveKine::at_one_moment(const std::function<void()>& read) {
    sqlite::Transaction moment(db(), sqlite::Transaction::Kind::deferred);
    (void)db().integer("SELECT count(*) FROM sqlite_schema");
    read();
}

std::unique_ptr<LiveCompaction> LiveKine::compaction(const mvcc::TreeIndex& index,
                                                     const mvcc::CompactionPlan& plan, const LiveTerms& terms,
                                                     Progress* progress) {
    newest_seen_ = plan.current;
    return std::make_unique<LiveRun>(*this, index, plan, terms, progress);
}

std::vector<mvcc::Slot> LiveKine::still_there(const mvcc::TreeIndex& index,
                                              const std::vector<mvcc::Slot>& rows) {
    std::vector<mvcc::Slot> found;
    if (rows.empty()) return found;
    sqlite::Statement s =
        db().prepare("SELECT id FROM kine NOT INDEXED WHERE id BETWEEN ?1 AND ?2 ORDER BY id");
    s.bind(1, index.revision(rows.front()).main).bind(2, index.revision(rows.back()).main);
    auto next = rows.begin();
    while (next != rows.end() && s.step()) {
        const std::int64_t id = s.integer(0);
        while (next != rows.end() && index.revision(*next).main < id) ++next;
        if (next != rows.end() && index.revision(*next).main == id) found.push_back(*next);
    }
    return found;
}

// A look each two milliseconds: whoever waits for this process gets in first.
bool LiveKine::wait_for_lock(int tries) {
    if (tries == 0) waiting_since_ = Clock::now();
    ++busy_retries_;
    if (interrupt_signal() != 0 || Clock::now() - waiting_since_ >= timeout_) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return true;
}

// A file that was put in this one's place has another server, or none.
void LiveKine::check_file() const {
    struct stat named {};
    struct stat open {};
    const std::string& name = store_->info().real_path;
    if (::stat(name.c_str(), &named) == 0 && ::fstat(file_->descriptor(), &open) == 0 &&
        named.st_ino == open.st_ino && named.st_dev == open.st_dev) {
        return;
    }
    throw Error(ErrorKind::refused, path_ + ": another file has been put in its place, or it was removed");
}

// Who reads or writes in WAL mode has a lock on the -shm. Nothing is opened to find out.
void LiveKine::throw_busy() const {
    const std::string& name = store_->info().real_path;
    struct stat st {};
    std::vector<pid_t> pids;
    if (::stat((name + "-shm").c_str(), &st) == 0) pids = find_lockers(st, false);
    if (pids.empty() && ::stat(name.c_str(), &st) == 0) pids = find_openers(st);
    throw Error(ErrorKind::busy,
                fmt::format("{}: locked by {} for {} ms", path_, describe_processes(pids), timeout_.count()));
}

LiveKine::Step LiveKine::step(const mvcc::TreeIndex& index, std::span<const mvcc::Slot> rows,
                              MainRevision expected, MainRevision to) {
    check_interrupt();
    check_file();
    // What is begun is ended, whatever signal comes.
    db().stop_when_interrupted(false);
    struct Restore {
        const sqlite::Database& db;
        ~Restore() { db.stop_when_interrupted(true); }
    } const restore{db()};
    Step done;
    const Clock::time_point asked = Clock::now();
    std::optional<sqlite::Transaction> transaction;
    try {
        transaction.emplace(db(), sqlite::Transaction::Kind::immediate);
    } catch (const Error& e) {
        check_interrupt();
        if (e.kind() != ErrorKind::busy) throw;
        throw_busy();
    }
    const Clock::time_point begun = Clock::now();
    done.waited = std::chrono::duration_cast<std::chrono::microseconds>(begun - asked);
    const StoreHead head = store_->head();
    done.compacted = head.compacted;
    done.others_write = head.current != newest_seen_;
    const bool went_back = head.current < newest_seen_ || head.compacted < expected;
    newest_seen_ = std::max(newest_seen_, head.current);
    if (head.bookkeeping_rows != 1) refuse_compact_rows(path_, head.bookkeeping_rows);
    if (went_back) {
        throw Error(ErrorKind::refused, fmt::format("{}: its current revision is {} now, its compact "
                                                    "revision {}: it is not the store that it was",
                                                    path_, head.current, head.compacted));
    }
    if (head.compacted != expected) {
        done.adopted = true;
        return done;
    }
    if (to.value() > head.current.value() - k_kept_beside_server && to > head.compacted)
        throw Error(ErrorKind::internal, fmt::format("{}: revision {} is one that stays", path_, to));
    if (to > head.compacted) record_compact_revision(db(), Layout::kine, to);
    done.deleted = delete_kine(db(), index, rows);
    transaction->commit();
    done.held = since(begun);
    done.compacted = std::max(to, head.compacted);
    checkpoint();
    return done;
}

// What the step did is committed, and counts: where this fails, the next step tries again.
void LiveKine::checkpoint() noexcept {
    try {
        if (file_size(store_->info().real_path + "-wal") < k_wal_bytes) return;
        // PASSIVE waits for nobody, and leaves the -wal of a Litestream as it is.
        (void)db().integer("PRAGMA wal_checkpoint(PASSIVE)");
    } catch (const std::exception&) {
        return;
    }
}

void LiveKine::backup(const std::string& to, Progress* progress) {
    refuse_existing(to);
    TempFile copy(to);
    {
        sqlite::Database target = sqlite::Database::open(copy.path(), sqlite::Database::Mode::create);
        target.exec("PRAGMA synchronous=OFF");
        at_one_moment([&] {
            db().copy_to(target, [&](std::uint64_t pages, std::uint64_t of) {
                if (progress != nullptr) progress->update("copying pages", pages, of);
            });
        });
        target.close();
    }
    copy.sync();
    copy.publish_as_new(to);
}

bool LiveKine::shrink() {
    try {
        db().exec("VACUUM");
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::busy) throw;
        throw_busy();
    }
    // A connection that has not read yet is told that somebody is in the way.
    (void)db().integer("SELECT count(*) FROM sqlite_schema");
    const bool litestream = dynamic_cast<KineStore&>(*store_).litestream_advice().has_value();
    sqlite::Statement s =
        db().prepare(litestream ? "PRAGMA wal_checkpoint(PASSIVE)" : "PRAGMA wal_checkpoint(TRUNCATE)");
    // SQLite does not wait for who is at a checkpoint already, as a server is that has written much.
    for (int tries = 0;; ++tries) {
        if (!s.step()) return false;
        const bool busy = s.integer(0) != 0;
        const bool another = busy && s.integer(1) < 0;
        if (!another || litestream || !wait_for_lock(tries)) return !busy && !litestream;
        s.reset();
    }
}

void LiveKine::close() {
    if (store_) store_->db().close();
    store_.reset();
    file_.reset();
}

}  // namespace kvctl::store
