#include "kvctl/store/sqlite/sqlite_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <exception>
#include <limits>
#include <thread>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/cores.hpp"
#include "kvctl/base/helper.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/read_start.hpp"
#include "kvctl/sqlite/holders.hpp"

namespace kvctl::store {
namespace {

// Below this many rowids a second thread costs more than it brings.
constexpr std::int64_t k_parallel_from = 50000;
constexpr std::int64_t k_chunks = 64;
constexpr std::int64_t k_lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t k_highest = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t k_parallel_from_pages = 5000;

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
        throw Error(
            ErrorKind::not_a_store,
            given_path +
                ": not an SQLite database (nor an etcd db; dqlite's own files cannot be read either)");
    }
    info.file_bytes = static_cast<std::uint64_t>(st.st_size);
    const std::uint32_t page_size = static_cast<std::uint32_t>(header[16]) << 8 | header[17];
    info.page_size = page_size == 1 ? 65536 : page_size;
    if (info.page_size < 512 || (info.page_size & (info.page_size - 1)) != 0) {
        throw Error(ErrorKind::damaged,
                    given_path + ": the header gives a page size of " + std::to_string(page_size));
    }
    info.reserved_bytes = header[20];
    if (info.usable_size() < 480) {
        throw Error(ErrorKind::damaged, given_path + ": the header reserves " + std::to_string(header[20]) +
                                            " of the " + std::to_string(info.page_size) + " bytes of a page");
    }
    if (const std::uint32_t format = be32(&header[44]); format > 4) {
        throw Error(ErrorKind::damaged,
                    given_path + ": the header gives a schema format of " + std::to_string(format));
    }
    info.wal_mode = header[18] == 2 && header[19] == 2;
    const bool counted = be32(&header[24]) == be32(&header[92]);
    const std::uint64_t pages = be32(&header[28]);
    if (counted && info.wal_bytes == 0 && info.journal_bytes == 0 &&
        pages * info.page_size > info.file_bytes) {
        throw Error(ErrorKind::damaged, given_path + ": truncated: " + std::to_string(info.file_bytes) +
                                            " bytes, but the header counts " + std::to_string(pages) +
                                            " pages of " + std::to_string(info.page_size));
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
    const bool detached = info.wal_mode && !holders.any();
    const auto mode = detached ? sqlite::Database::Mode::detached : sqlite::Database::Mode::read;
    const auto access = detached        ? Connection::Access::detached
                        : info.wal_mode ? Connection::Access::live
                                        : Connection::Access::shared;
    Connection c{sqlite::Database::open(info.real_path, mode), access, seen};
    c.db.busy_timeout(timeout_ms);
    try {
        c.db.exec("BEGIN");
        (void)c.db.integer("SELECT count(*) FROM sqlite_schema");
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::busy) throw;
        const sqlite::Holders now = sqlite::find_holders(info.real_path, false);
        throw Error(ErrorKind::busy, info.path + ": locked by " + sqlite::describe(now.locking) +
                                         "; gave up after " + std::to_string(timeout_ms) + " ms");
    }
    // Nobody can write now; a moment ago somebody could.
    if (access == Connection::Access::shared) c.seen = fingerprint(info.real_path);
    return c;
}

SqliteStore::SqliteStore(StoreInfo info, Connection connection, int timeout_ms)
    : info_(std::move(info)), connection_(std::move(connection)), timeout_ms_(timeout_ms) {
    refresh_info();
}

void SqliteStore::refresh_info() {
    // By name only: opening and closing a descriptor of the file here would drop SQLite's own locks on it.
    info_.file_bytes = size_of(info_.real_path);
    info_.wal_bytes = size_of(info_.real_path + "-wal");
    info_.journal_bytes = size_of(info_.real_path + "-journal");
    info_.pages = static_cast<std::uint64_t>(db().integer("PRAGMA page_count").value_or(0));
    info_.free_pages = static_cast<std::uint64_t>(db().integer("PRAGMA freelist_count").value_or(0));
    const std::int64_t auto_vacuum = db().integer("PRAGMA auto_vacuum").value_or(0);
    info_.auto_vacuum = auto_vacuum != 0;
    info_.shrinks_itself = auto_vacuum == 1;
}

bool SqliteStore::changed() const {
    return connection_.access != Connection::Access::owned &&
           fingerprint(info_.real_path) != connection_.seen;
}

void SqliteStore::check_unchanged() const {
    if (connection_.access == Connection::Access::detached && changed()) {
        throw Error(ErrorKind::busy,
                    info_.path + ": was changed by another process while it was read; try again");
    }
}

bool SqliteStore::scan_all(mvcc::TreeIndex& index, FindingLog& findings, Progress* progress) {
    // Not by an index, which may hold other rows: kine has one by id.
    const std::string table = sqlite::quote_name(table_.name) + " NOT INDEXED";
    const std::int64_t lowest = db().integer("SELECT min(rowid) FROM " + table).value_or(0);
    const std::int64_t highest = db().integer("SELECT max(rowid) FROM " + table).value_or(-1);
    rows_read_ = 0;
    if (highest < lowest) {
        index.add_segments(1);
        return index.seal();
    }
    const std::uint64_t span = static_cast<std::uint64_t>(highest) - static_cast<std::uint64_t>(lowest);
    const bool many = span >= static_cast<std::uint64_t>(k_parallel_from);
    const std::int64_t chunks = many ? k_chunks : 1;
    const std::uint64_t step = span / static_cast<std::uint64_t>(chunks) + 1;
    index.add_segments(static_cast<std::size_t>(chunks));

    std::atomic<std::int64_t> next{0};
    std::atomic<std::uint64_t> rows{0};
    std::array<FindingLog, 2> logs;
    std::array<IndexContents::Sums, 2> sums;
    if (contents_) sums.fill(contents_->no_rows());
    on_connections(
        many, [&](const sqlite::Database& connection, std::size_t which, const std::atomic<bool>& failed) {
            for (std::int64_t i = next++; i < chunks && !failed; i = next++) {
                check_interrupt();
                Sink sink{index, static_cast<std::size_t>(i), {}, {}};
                std::uint64_t seen = 0;
                const std::uint64_t from =
                    static_cast<std::uint64_t>(lowest) + step * static_cast<std::uint64_t>(i);
                // The ends are open: in a damaged tree the row found last need not be the last.
                connection.scan(scan_columns(), table + " WHERE rowid BETWEEN ?1 AND ?2",
                                {i == 0 ? k_lowest : static_cast<std::int64_t>(from),
                                 i + 1 == chunks ? k_highest : static_cast<std::int64_t>(from + step - 1)},
                                [&](const sqlite::Values& row) {
                                    ++seen;
                                    take_row(row, sink);
                                    if (contents_) contents_->add(row, sums[which]);
                                });
                rows += seen;
                index.add(sink.segment, sink.batch);
                logs[which].add(sink.findings);
                if (progress != nullptr && which == 0) {
                    progress->update("reading", static_cast<std::uint64_t>(i + 1),
                                     static_cast<std::uint64_t>(chunks));
                }
            }
        });
    for (const FindingLog& log : logs) findings.add(log);
    if (contents_) {
        for (const IndexContents::Sums& s : sums) contents_->merge(s);
        gathered_ = true;
    }
    rows_read_ = rows;
    return index.seal();
}

// Calls `work` on this connection and, where a second one pays and sees the same rows, on that at the same
// time. A live WAL may move on between the two.
void SqliteStore::on_connections(
    bool many,
    const std::function<void(const sqlite::Database&, std::size_t, const std::atomic<bool>&)>& work) {
    std::atomic<bool> failed{false};
    std::exception_ptr error;
    std::jthread second;
    if (many && usable_cores() > 1 && connection_.access != Connection::Access::live) {
        second = start_helper([&] {
            try {
                // Without locks of its own: the first connection's lock (or the fact that nobody has the file
                // open) stands for both. A second lock would wait for ever behind a writer that waits for the
                // first.
                const sqlite::Database own =
                    sqlite::Database::open(info_.real_path, sqlite::Database::Mode::detached);
                work(own, 1, failed);
            } catch (...) {
                error = std::current_exception();
                failed = true;
            }
        });
    }
    try {
        work(db(), 0, failed);
    } catch (...) {
        failed = true;
        if (second.joinable()) second.join();
        throw;
    }
    if (second.joinable()) second.join();
    if (error) std::rethrow_exception(error);
}

void SqliteStore::doubt_indexes() {
    contents_.emplace(table_, scan_columns(), identity_columns());
    gathered_ = false;
}

void SqliteStore::check_indexes(IndexChoice choice) {
    if (indexes_sound_) return;
    const std::string fault = index_fault(choice);
    if (!fault.empty()) {
        throw Error(ErrorKind::damaged, info_.path + ": " + fault +
                                            "; nothing was changed ('REINDEX' in sqlite3 builds indexes "
                                            "anew from the rows)");
    }
    indexes_sound_ = choice == IndexChoice::all;
}

std::string SqliteStore::index_fault(IndexChoice choice) {
    if (!gathered_) {
        doubt_indexes();
        IndexContents::Sums sums = contents_->no_rows();
        db().scan(scan_columns(), sqlite::quote_name(table_.name) + " NOT INDEXED", {},
                  [&](const sqlite::Values& row) { contents_->add(row, sums); });
        contents_->merge(sums);
        gathered_ = true;
    }
    std::vector<IndexContents::Part> parts = contents_->parts(choice, head().current.value() / 2);
    std::atomic<std::size_t> next{0};
    on_connections(info_.pages >= k_parallel_from_pages,
                   [&](const sqlite::Database& connection, std::size_t, const std::atomic<bool>& failed) {
                       for (std::size_t i = next++; i < parts.size() && !failed; i = next++) {
                           contents_->read(connection, parts[i]);
                       }
                   });
    std::string fault = contents_->fault(parts);
    if (fault.empty() && choice == IndexChoice::all) fault = contents_->fault_of_others(db());
    return fault;
}

// Rows that do not stand in revision order: once more, through the primary key's index.
std::uint64_t SqliteStore::scan_sorted(mvcc::TreeIndex& index, FindingLog& findings, MainRevision upto) {
    index.clear();
    index.add_segments(1);
    std::string primary;
    for (const IndexInfo& i : table_.indexes) {
        if (i.is_on({"main", "sub"}) && !i.partial) primary = i.name;
    }
    if (primary.empty()) {
        throw Error(ErrorKind::not_a_store,
                    info_.path + ": table " + table_.name + " has no primary key (main, sub)");
    }
    Sink sink{index, 0, {}, {}};
    std::uint64_t seen = 0;
    db().scan(scan_columns(),
              sqlite::quote_name(table_.name) + " INDEXED BY " + sqlite::quote_name(primary) +
                  " WHERE main BETWEEN ?1 AND ?2",
              {std::numeric_limits<std::int64_t>::min(), upto.value()}, [&](const sqlite::Values& row) {
                  ++seen;
                  take_row(row, sink);
              });
    index.add(0, sink.batch);
    findings.add(sink.findings);
    if (!index.seal())
        throw Error(ErrorKind::damaged, info_.path + ": the index " + primary + " is out of order");
    return seen;
}

mvcc::TreeIndex SqliteStore::load_upto(const mvcc::CompactionRules& rules, MainRevision upto,
                                       Findings& findings) {
    mvcc::TreeIndex index(rules, with_prev_revision());
    FindingLog log;
    if (!in_order_) {
        (void)scan_sorted(index, log, upto);
    } else {
        index.add_segments(1);
        Sink sink{index, 0, {}, {}};
        const bool rowid_is_revision = info_.layout == Layout::kine;
        std::int64_t last = upto.value();
        if (!rowid_is_revision) {
            last = db().integer("SELECT rowid FROM revision WHERE main <= " + std::to_string(last) +
                                " ORDER BY main DESC, sub DESC LIMIT 1")
                       .value_or(std::numeric_limits<std::int64_t>::min());
        }
        db().scan(scan_columns(), sqlite::quote_name(table_.name) + " NOT INDEXED WHERE rowid <= ?1", {last},
                  [&](const sqlite::Values& row) { take_row(row, sink); });
        index.add(0, sink.batch);
        log.add(sink.findings);
        if (!index.seal())
            throw Error(ErrorKind::damaged, info_.path + ": rows are out of order after the change");
    }
    for (Finding& f : log.take()) findings.push_back(std::move(f));
    return index;
}

mvcc::TreeIndex SqliteStore::load(const mvcc::CompactionRules& rules, Findings& findings,
                                  Progress* progress) {
    for (int attempt = 0;; ++attempt) {
        FindingLog log;
        mvcc::TreeIndex index(rules, with_prev_revision());
        begin_scan();
        if (contents_) doubt_indexes();
        in_order_ = scan_all(index, log, progress);
        if (!in_order_) {
            log = {};
            const std::uint64_t seen =
                scan_sorted(index, log, MainRevision(std::numeric_limits<std::int64_t>::max()));
            std::string fault = index_fault(IndexChoice::by_constraint);
            if (fault.empty() && seen < rows_read_)
                fault = std::to_string(rows_read_ - seen) + " rows have no number for main";
            if (fault.empty() && seen > rows_read_)
                fault =
                    std::to_string(seen - rows_read_) + " rows are found in order of main but not by rowid";
            if (!fault.empty()) {
                log.add({Finding::Severity::error, "index-rows", "table " + table_.name, std::move(fault),
                         std::nullopt});
            }
        }
        if (connection_.access == Connection::Access::detached && changed()) {
            if (attempt == 3) check_unchanged();
            connection_.db.close();
            connection_ = open_for_reading(inspect_file(info_.path, info_.real_path), timeout_ms_);
            refresh_info();
            continue;
        }
        // A native row that could not be taken makes the two ends differ; a kine store's compact rows are
        // seen whatever the others are.
        if (log.empty() || info_.layout == Layout::kine) check_head(index);
        for (Finding& f : log.take()) findings.push_back(std::move(f));
        return index;
    }
}

}  // namespace kvctl::store
