#include <algorithm>
#include <atomic>
#include <cerrno>
#include <limits>
#include <new>
#include <utility>
#include <vector>

#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/mapped_file.hpp"
#include "kvctl/sqlite/failure.hpp"
#include "kvctl/store/check_parts.hpp"

namespace kvctl::store {
namespace {

using Severity = Finding::Severity;

// A file that is damaged all over is given up after so many pages that could not be read.
constexpr int k_most_failures = 20000;
// Rows behind a damaged page are searched for by halving, which misses none, until so many tries have failed:
// twice the rows of a leaf. Larger holes are the work of inner pages.
constexpr int k_most_failures_of_hole = 1000;
constexpr int k_integrity_lines = 1000;

void check_columns(const SqliteStore& store, FindingLog& log) {
    const bool kine = store.in_kine_table();
    const std::string where = "table " + store.table().name;
    for (const Column& c : store.table().columns) {
        const bool known = kine ? is_one_of(k_kine_columns, c.name) : is_one_of(k_native_columns, c.name);
        if (known && !c.generated) continue;
        const bool harmless = !kine && !c.generated && c.has_default;
        log.add(finding(harmless ? Severity::info : Severity::warning, "extra-column", where,
                        fmt::format("the column '{}' is not {}{}", c.name, kine ? "kine's" : "the layout's",
                                    harmless ? "" : ": no compaction is executed over it")));
    }
    for (const std::string& name : store.table().triggers) {
        log.add(finding(Severity::warning, "trigger", where,
                        fmt::format("the trigger '{}': no compaction is executed over it", name)));
    }
}

void note_integrity(const StoreInfo& info, std::string_view line, FindingLog& log) {
    // A heading before the first fault of a database.
    if (line == "ok" || line.starts_with("***")) return;
    sqlite::throw_unless_fault(info.path, line);
    log.add(finding(Severity::error, "sqlite-integrity", "file", std::string(line)));
}

// Every row is looked for in every index, all over the file: mapped, that takes half of the time, if the
// cells of a page are not looked at whenever it is met again. The check itself looks at each of them once.
bool passes_mapped(const StoreInfo& info, const sqlite::Database& db) {
    db.exec("PRAGMA mmap_size=1099511627776");
    db.exec("PRAGMA cell_size_check=OFF");
    std::optional<std::string> first;
    try {
        first = db.text("PRAGMA integrity_check(1)");
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::damaged) throw;
    }
    db.exec("PRAGMA mmap_size=0");
    db.exec("PRAGMA cell_size_check=ON");
    if (WatchedPages::take_lost()) throw io_error(info.path, "cannot be read", EIO);
    return first == "ok";
}

// `lockless`: the connection is, and its pages are watched where they are mapped.
void check_integrity(const StoreInfo& info, const sqlite::Database& db, bool lockless, FindingLog& log) {
    if (lockless && passes_mapped(info, db)) return;
    attempt(log, "sqlite-integrity", "file", [&] {
        sqlite::Statement s = db.prepare("PRAGMA integrity_check(" + std::to_string(k_integrity_lines) + ")");
        while (s.step()) {
            // What SQLite has to say of one tree is a row of many lines.
            std::string_view text = s.bytes(0);
            while (!text.empty()) {
                const std::string_view line = text.substr(0, text.find('\n'));
                text.remove_prefix(std::min(line.size() + 1, text.size()));
                note_integrity(info, line, log);
            }
        }
    });
}

// Rowids, both ends included.
struct RowRange {
    std::int64_t first;
    std::int64_t last;
};

// Where the table's ends cannot be found, without the ends of all numbers.
std::string range_text(const RowRange& rows) {
    const bool from_first = rows.first == std::numeric_limits<std::int64_t>::min();
    const bool to_last = rows.last == std::numeric_limits<std::int64_t>::max();
    if (from_first && to_last) return "rows";
    if (from_first) return fmt::format("rows up to {}", rows.last);
    if (to_last) return fmt::format("rows from {} on", rows.first);
    if (rows.first == rows.last) return fmt::format("row {}", rows.first);
    return fmt::format("rows {} to {}", rows.first, rows.last);
}

std::int64_t half(std::int64_t from, std::int64_t to) {
    return static_cast<std::int64_t>((static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from)) / 2);
}

// A statement with a first and a last rowid, compiled once: a damaged table is asked thousands of times.
class RangeReader {
  public:
    RangeReader(const sqlite::Database& db, std::string sql) : db_(db), sql_(std::move(sql)) {}

    // Whether the rows of `range` can be read, as far as `f` wants them: it returns false to end. In a
    // damaged tree a search may end before its range, at a row that was read already: that counts as
    // unreadable.
    template <class F>
    bool read(RowRange range, F f) {
        check_interrupt();
        try {
            if (!statement_) statement_ = db_.prepare(sql_);
            statement_->reset();
            statement_->bind(1, range.first).bind(2, range.last);
            while (statement_->step()) {
                if (statement_->integer(0) < range.first) return false;
                if (!f(*statement_)) break;
            }
            return true;
        } catch (const Error& e) {
            if (e.kind() != ErrorKind::damaged) throw;
            return false;
        }
    }

  private:
    const sqlite::Database& db_;
    std::string sql_;
    std::optional<sqlite::Statement> statement_;
};

// The first rowid behind `lost` from which on something can be read, by steps of doubling length: rows
// between two lost pages may be passed over. None: nothing can, up to `end`.
std::optional<std::int64_t> next_readable(RangeReader& reader, std::int64_t lost, std::int64_t end) {
    const auto readable = [&](std::int64_t from) {
        return reader.read({from, end}, [](const sqlite::Statement&) { return false; });
    };
    std::int64_t found = lost;
    for (std::uint64_t step = 1;; step *= 2) {
        if (lost == end) return std::nullopt;
        const std::uint64_t span = static_cast<std::uint64_t>(end) - static_cast<std::uint64_t>(lost);
        found = static_cast<std::int64_t>(static_cast<std::uint64_t>(lost) + std::min(step, span));
        if (readable(found)) break;
        lost = found;
    }
    while (half(lost, found) > 0) {
        const std::int64_t middle = lost + half(lost, found);
        (readable(middle) ? found : lost) = middle;
    }
    return found;
}

}  // namespace

void check_sqlite_file(SqliteStore& store, FindingLog& log, const std::function<void()>& rest) {
    FindingLog integrity(k_integrity_lines);
    bool looked = false;
    store.on_connections([&](const sqlite::Database& db, std::size_t which, const std::atomic<bool>&) {
        if (which == 0) {
            rest();
        } else {
            looked = true;
            check_integrity(store.info(), db, true, integrity);
        }
    });
    if (!looked) check_integrity(store.info(), store.db(), store.lockless(), integrity);
    log.add(integrity);
    for (Finding& f : store.SqliteStore::notices()) log.add(std::move(f));
    check_columns(store, log);
    const StoreInfo& info = store.info();
    const std::uint64_t free = info.free_pages * info.page_size;
    if (free * 4 > info.file_bytes && free > std::uint64_t{1024} * 1024) {
        const std::string way =
            store.traits().in_place
                ? command_on(info.path, "vacuum") + " gives them back"
                : fmt::format("a directory that {} makes has none",
                              command_on(info.path, fmt::format("compact --rev {} -o NEWDIR",
                                                                std::max<std::int64_t>(
                                                                    0, store.head().compacted.value()))));
        log.add(finding(Severity::info, "free-space", "file",
                        fmt::format("{} of {} bytes are free pages; {}", group_digits(free),
                                    group_digits(info.file_bytes), way)));
    }
    if (info.wal_bytes > info.file_bytes / 2 && info.wal_bytes > 64ULL * 1024 * 1024) {
        log.add(finding(Severity::info, "large-wal", "file",
                        fmt::format("the -wal has {}: a checkpoint was kept from finishing",
                                    many(info.wal_bytes, "byte"))));
    }
}

void walk_rows(const sqlite::Database& db, const std::string& table, const std::string& columns,
               FindingLog& log, const std::function<bool(const sqlite::Statement&)>& f,
               const std::function<void()>& lost) {
    const std::string name = sqlite::quote_name(table);
    RowRange all{std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
    try {
        all.first = db.integer("SELECT min(rowid) FROM " + name + " NOT INDEXED").value_or(0);
        all.last = db.integer("SELECT max(rowid) FROM " + name + " NOT INDEXED").value_or(-1);
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::damaged) throw;
    }
    std::optional<RowRange> hole;
    int failures = 0;
    int failures_of_hole = 0;
    const auto end_hole = [&] {
        if (!hole) return;
        log.add(finding(Severity::error, "unreadable-rows", "table " + table,
                        range_text(*hole) + " cannot be read"));
        hole.reset();
        failures_of_hole = 0;
        lost();
    };
    RangeReader reader(db, "SELECT rowid, " + columns + " FROM " + name +
                               " NOT INDEXED WHERE rowid BETWEEN ?1 AND ?2 ORDER BY rowid");
    std::vector<RowRange> left{all};
    while (!left.empty()) {
        const RowRange range = left.back();
        left.pop_back();
        if (range.first > range.last) continue;
        std::optional<std::int64_t> last;
        bool more = true;
        const bool readable = reader.read(range, [&](const sqlite::Statement& s) {
            end_hole();
            last = s.integer(0);
            more = f(s);
            return more;
        });
        if (!more) return;
        if (readable) continue;
        if (++failures > k_most_failures) {
            hole = {hole.value_or(range).first, all.last};
            break;
        }
        if (last) {
            if (*last < range.last) left.push_back({*last + 1, range.last});
        } else if (++failures_of_hole > k_most_failures_of_hole) {
            // What is left reaches from here to the end.
            left.clear();
            const std::optional<std::int64_t> next = next_readable(reader, range.first, all.last);
            hole = {hole.value_or(range).first, next ? *next - 1 : all.last};
            if (next) left.push_back({*next, all.last});
        } else if (range.first == range.last) {
            hole = {hole.value_or(range).first, range.last};
        } else {
            const std::int64_t middle = range.first + half(range.first, range.last);
            left.push_back({middle + 1, range.last});
            left.push_back({range.first, middle});
        }
    }
    end_hole();
}

}  // namespace kvctl::store
