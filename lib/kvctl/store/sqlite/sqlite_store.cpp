#include "kvctl/store/sqlite/sqlite_store.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/sqlite/table_pages.hpp"

namespace kvctl::store {
namespace {

// Below this many rowids a second thread costs more than it brings.
constexpr std::int64_t k_parallel_from = 50000;
constexpr std::size_t k_parallel_from_nodes = 8;  // of some hundred leaves each
constexpr std::int64_t k_chunks = 64;
constexpr std::int64_t k_lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t k_highest = std::numeric_limits<std::int64_t>::max();

// By name only: opening and closing a descriptor of the file here would drop SQLite's own locks on it.
std::uint64_t size_of_file(const std::string& path) noexcept {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 ? static_cast<std::uint64_t>(st.st_size) : 0;
}

// Rows that were read, of as many as there will be if the other chunks hold as many as those before.
void report_rows(Progress& progress, std::uint64_t rows, std::uint64_t chunks, std::uint64_t of) {
    progress.update("reading", rows, rows * of / chunks);
}

}  // namespace

SqliteStore::SqliteStore(StoreInfo info, Connection connection, int timeout_ms)
    : info_(std::move(info)),
      connection_(std::move(connection)),
      timeout_ms_(timeout_ms),
      first_seen_(connection_.seen) {
    refresh_info();
}

void SqliteStore::refresh_info() {
    info_.file_bytes = size_of_file(info_.real_path);
    info_.wal_bytes = size_of_file(info_.real_path + "-wal");
    info_.journal_bytes = size_of_file(info_.real_path + "-journal");
    info_.pages = static_cast<std::uint64_t>(db().integer("PRAGMA page_count").value_or(0));
    info_.free_pages = static_cast<std::uint64_t>(db().integer("PRAGMA freelist_count").value_or(0));
    const std::int64_t auto_vacuum = db().integer("PRAGMA auto_vacuum").value_or(0);
    info_.auto_vacuum = auto_vacuum != 0;
    info_.shrinks_itself = auto_vacuum == 1;
}

bool SqliteStore::changed() const {
    return connection_.access != Connection::Access::owned && fingerprint(info_.real_path) != first_seen_;
}

Findings SqliteStore::notices() {
    Findings findings;
    if (connection_.doubt) findings.push_back(finding_of(*connection_.doubt));
    return findings;
}

void SqliteStore::check_name(bool writes) const {
    if (!connection_.doubt) return;
    if (writes) throw refusal_of(info_.path, *connection_.doubt);
    if (connection_.doubt->elsewhere.empty()) return;
    throw Error(ErrorKind::refused, fmt::format("{}: {}", info_.path, finding_of(*connection_.doubt).what));
}

void SqliteStore::check_unchanged() const {
    if (connection_.access == Connection::Access::lockless &&
        fingerprint(info_.real_path) != connection_.seen) {
        throw Error(ErrorKind::busy,
                    info_.path + ": was changed by another process while it was read; try again");
    }
}

struct SqliteStore::Gathered {
    explicit Gathered(const IndexContents* contents) {
        if (contents != nullptr) sums.fill(contents->no_rows());
    }
    std::array<FindingLog, 2> logs;
    std::array<IndexContents::Sums, 2> sums;
    std::atomic<std::uint64_t> rows{0};
};

bool SqliteStore::scan_all(mvcc::TreeIndex& index, FindingLog& findings, Progress* progress) {
    IndexContents* const contents = audit_.contents();
    const auto finish = [&](Gathered& gathered) {
        for (const FindingLog& log : gathered.logs) findings.add(log);
        if (contents != nullptr) {
            for (const IndexContents::Sums& s : gathered.sums) contents->merge(s);
            audit_.complete();
        }
        rows_read_ = gathered.rows;
        return index.seal();
    };
    {
        Gathered gathered(contents);
        from_pages_ = scan_pages(index, gathered, progress);
        if (from_pages_) return finish(gathered);
    }
    begin_scan();
    index.clear();
    Gathered gathered(contents);
    scan_rowids(index, gathered, progress);
    return finish(gathered);
}

std::optional<std::vector<sqlite::PageRow::Place>> SqliteStore::places_in_record() const {
    std::vector<sqlite::PageRow::Place> places;
    for (const sqlite::ScanColumn& scanned : scan_columns()) {
        std::size_t at = 0;
        while (at < table_.columns.size() && !same_name(table_.columns[at].name, scanned.name)) {
            // What a generated column holds may be stored or not.
            if (table_.columns[at].generated) return std::nullopt;
            ++at;
        }
        if (at >= std::min(table_.columns.size(), sqlite::PageRow::k_most_columns)) return std::nullopt;
        // An integer is stored where a real number is meant.
        if (affinity_of(table_.columns[at].type) == Affinity::real) return std::nullopt;
        places.push_back({at, scanned.what, same_name(scanned.name, rowid_column())});
    }
    return places;
}

bool SqliteStore::scan_pages(mvcc::TreeIndex& index, Gathered& gathered, Progress* progress) {
    const bool may_change = connection_.access == Connection::Access::live ||
                            (connection_.access == Connection::Access::owned && db().in_transaction());
    if (may_change || table_.without_rowid || !sqlite::PageFile::allowed()) return false;
    const auto places = places_in_record();
    sqlite::Statement root =
        db().prepare("SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = ?1");
    root.bind_text(1, table_.name);
    if (!places || !root.step()) return false;
    const auto root_page = static_cast<std::uint32_t>(root.integer(0));
    root.reset();
    const std::optional<sqlite::PageFile> file = sqlite::PageFile::of(db());
    if (!file) return false;
    const std::optional<sqlite::TablePages> table = sqlite::TablePages::find(*file, root_page);
    if (!table) return false;

    const std::span<const sqlite::TablePages::Node> nodes = table->nodes();
    const std::size_t chunks = std::min<std::size_t>(nodes.size(), k_chunks);
    index.add_segments(chunks);
    IndexContents* const contents = audit_.contents();
    std::atomic<std::size_t> next{0};
    std::atomic<bool> sound{true};
    store::on_connections(
        connection_, info_.real_path, nodes.size() >= k_parallel_from_nodes,
        [&](const sqlite::Database& connection, std::size_t which, const std::atomic<bool>& failed) {
            std::optional<sqlite::PageFile> own;
            if (which != 0) own = sqlite::PageFile::of(connection, file->frames());
            if (which != 0 && !own) return;  // the first thread reads everything
            for (std::size_t i = next++; i < chunks && sound && !failed; i = next++) {
                check_interrupt();
                Sink sink{index, i, {}, {}};
                std::uint64_t seen = 0;
                const std::size_t from = nodes.size() * i / chunks;
                const bool all = table->each_row(own ? *own : *file,
                                                 nodes.subspan(from, nodes.size() * (i + 1) / chunks - from),
                                                 *places, [&](const sqlite::PageRow& row) {
                                                     ++seen;
                                                     take_row(row, sink);
                                                     if (contents != nullptr)
                                                         contents->add(row, gathered.sums[which]);
                                                 });
                if (!all) sound = false;
                gathered.rows += seen;
                index.add(sink.segment, sink.batch);
                gathered.logs[which].add(sink.findings);
                if (progress != nullptr && which == 0) report_rows(*progress, gathered.rows, i + 1, chunks);
            }
            if (own && own->lost()) sound = false;
        });
    return sound && !file->lost();
}

void SqliteStore::scan_rowids(mvcc::TreeIndex& index, Gathered& gathered, Progress* progress) {
    // Not by an index, which may hold other rows: kine has one by id.
    const std::string table = sqlite::quote_name(table_.name) + " NOT INDEXED";
    const std::int64_t lowest = db().integer("SELECT min(rowid) FROM " + table).value_or(0);
    const std::int64_t highest = db().integer("SELECT max(rowid) FROM " + table).value_or(-1);
    if (highest < lowest) {
        index.add_segments(1);
        return;
    }
    const std::uint64_t span = static_cast<std::uint64_t>(highest) - static_cast<std::uint64_t>(lowest);
    const bool many = span >= static_cast<std::uint64_t>(k_parallel_from);
    const std::int64_t chunks = many ? k_chunks : 1;
    const std::uint64_t step = span / static_cast<std::uint64_t>(chunks) + 1;
    index.add_segments(static_cast<std::size_t>(chunks));

    const std::string columns = sql_of(scan_columns());
    IndexContents* const contents = audit_.contents();
    std::atomic<std::int64_t> next{0};
    store::on_connections(
        connection_, info_.real_path, many,
        [&](const sqlite::Database& connection, std::size_t which, const std::atomic<bool>& failed) {
            for (std::int64_t i = next++; i < chunks && !failed; i = next++) {
                check_interrupt();
                Sink sink{index, static_cast<std::size_t>(i), {}, {}};
                std::uint64_t seen = 0;
                const std::uint64_t from =
                    static_cast<std::uint64_t>(lowest) + step * static_cast<std::uint64_t>(i);
                // The ends are open: in a damaged tree the row found last need not be the last.
                connection.scan(columns, table + " WHERE rowid BETWEEN ?1 AND ?2",
                                {i == 0 ? k_lowest : static_cast<std::int64_t>(from),
                                 i + 1 == chunks ? k_highest : static_cast<std::int64_t>(from + step - 1)},
                                [&](const sqlite::Values& row) {
                                    ++seen;
                                    take_row(row, sink);
                                    if (contents != nullptr) contents->add(row, gathered.sums[which]);
                                });
                gathered.rows += seen;
                index.add(sink.segment, sink.batch);
                gathered.logs[which].add(sink.findings);
                if (progress != nullptr && which == 0)
                    report_rows(*progress, gathered.rows, static_cast<std::uint64_t>(i + 1),
                                static_cast<std::uint64_t>(chunks));
            }
        });
}

void SqliteStore::on_connections(
    const std::function<void(const sqlite::Database&, std::size_t, const std::atomic<bool>&)>& work) {
    store::on_connections(connection_, info_.real_path, info_.pages >= k_second_from_pages, work);
}

void SqliteStore::doubt_indexes() {
    audit_.begin(table_, scan_columns(), identity_columns());
}

void SqliteStore::check_indexes(IndexChoice choice) {
    if (indexes_sound_) return;
    const std::string fault = index_fault(choice);
    if (!fault.empty()) {
        throw Error(
            ErrorKind::damaged,
            fmt::format(
                "{}: {}; nothing was changed ('REINDEX' in sqlite3 builds indexes anew from the rows)",
                info_.path, fault));
    }
    indexes_sound_ = choice == IndexChoice::all;
}

std::string SqliteStore::index_fault(IndexChoice choice) {
    if (!audit_.gathered()) {
        doubt_indexes();
        audit_.gather(db(), sql_of(scan_columns()));
    }
    return audit_.fault(connection_, info_, choice, head().current.value() / 2);
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
                    fmt::format("{}: table {} has no primary key (main, sub)", info_.path, table_.name));
    }
    Sink sink{index, 0, {}, {}};
    std::uint64_t seen = 0;
    db().scan(sql_of(scan_columns()),
              sqlite::quote_name(table_.name) + " INDEXED BY " + sqlite::quote_name(primary) +
                  " WHERE main BETWEEN ?1 AND ?2",
              {std::numeric_limits<std::int64_t>::min(), upto.value()}, [&](const sqlite::Values& row) {
                  ++seen;
                  take_row(row, sink);
              });
    index.add(0, sink.batch);
    findings.add(sink.findings);
    if (!index.seal())
        throw Error(ErrorKind::damaged, fmt::format("{}: the index {} is out of order", info_.path, primary));
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
        const bool rowid_is_revision = in_kine_table();
        std::int64_t last = upto.value();
        if (!rowid_is_revision) {
            last = db().integer("SELECT rowid FROM revision WHERE main <= " + std::to_string(last) +
                                " ORDER BY main DESC, sub DESC LIMIT 1")
                       .value_or(std::numeric_limits<std::int64_t>::min());
        }
        db().scan(sql_of(scan_columns()), sqlite::quote_name(table_.name) + " NOT INDEXED WHERE rowid <= ?1",
                  {last}, [&](const sqlite::Values& row) { take_row(row, sink); });
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
        if (audit_.contents() != nullptr) doubt_indexes();
        in_order_ = scan_all(index, log, progress);
        if (!in_order_) {
            log = {};
            const std::uint64_t seen =
                scan_sorted(index, log, MainRevision(std::numeric_limits<std::int64_t>::max()));
            std::string fault = index_fault(IndexChoice::by_constraint);
            if (fault.empty() && seen < rows_read_)
                fault = fmt::format("{} without a number for main", many(rows_read_ - seen, "row"));
            if (fault.empty() && seen > rows_read_) {
                fault =
                    fmt::format("{} found in order of main but not by rowid", many(seen - rows_read_, "row"));
            }
            if (!fault.empty()) {
                log.add({Finding::Severity::error, "index-rows", "table " + table_.name, std::move(fault),
                         std::nullopt});
            }
        }
        if (connection_.access == Connection::Access::lockless &&
            fingerprint(info_.real_path) != connection_.seen) {
            if (attempt == 3) check_unchanged();
            connection_.db.close();
            connection_ = open_for_reading(inspect_file(info_.path, info_.real_path), timeout_ms_);
            refresh_info();
            continue;
        }
        // A native row that could not be taken makes the two ends differ; a kine store's compact rows are
        // seen whatever the others are.
        if (log.empty() || in_kine_table()) check_head(index);
        for (Finding& f : log.take()) findings.push_back(std::move(f));
        return index;
    }
}

}  // namespace kvctl::store
