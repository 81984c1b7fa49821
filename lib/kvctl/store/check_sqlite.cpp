#include <algorithm>
#include <array>
#include <limits>
#include <new>
#include <utility>
#include <vector>

#include "kvctl/base/error.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/sqlite/lost_reads.hpp"
#include "kvctl/store/check_parts.hpp"

namespace kvctl::store {
namespace {

using Severity = Finding::Severity;

// A file that is damaged all over is given up after so many pages that could not be read.
constexpr int k_most_failures = 20000;
constexpr int k_integrity_lines = 1000;

void check_columns(const SqliteStore& store, FindingLog& log) {
    constexpr std::array<std::string_view, 9> k_kine{
        "id",    "name",  "created",  "deleted", "create_revision", "prev_revision",
        "lease", "value", "old_value"};
    constexpr std::array<std::string_view, 8> k_native{
        "main", "sub", "tombstone", "key", "create_revision", "version", "lease", "value"};
    const bool kine = store.info().layout == Layout::kine;
    const std::string where = "table " + store.table().name;
    for (const Column& c : store.table().columns) {
        const bool known = kine ? std::find(k_kine.begin(), k_kine.end(), c.name) != k_kine.end()
                                : std::find(k_native.begin(), k_native.end(), c.name) != k_native.end();
        if (known && !c.generated) continue;
        const bool harmless = !kine && !c.generated && c.has_default;
        log.add(finding(harmless ? Severity::info : Severity::warning, "extra-column", where,
                        "the column '" + c.name + "' is not " + (kine ? "kine's" : "the layout's") +
                            (harmless ? "" : ": no compaction is executed over it")));
    }
    for (const std::string& name : store.table().triggers) {
        log.add(finding(Severity::warning, "trigger", where,
                        "the trigger '" + name + "': no compaction is executed over it"));
    }
}

}  // namespace

void check_sqlite_file(SqliteStore& store, FindingLog& log) {
    attempt(log, "sqlite-integrity", "file", [&] {
        sqlite::Statement s =
            store.db().prepare("PRAGMA integrity_check(" + std::to_string(k_integrity_lines) + ")");
        while (s.step()) {
            std::string line(s.bytes(0));
            // A heading that SQLite puts before the first fault of a database.
            if (line.starts_with("***")) line.erase(0, std::min(line.find('\n'), line.size() - 1) + 1);
            if (line == "ok") continue;
            if (const int error = sqlite::take_lost_read(); error != 0)
                throw io_error(store.info().path, "cannot be read", error);
            // SQLITE_NOMEM: the page may well be sound.
            if ((line + '\n').find("unable to get the page. error code=7\n") != std::string::npos)
                throw std::bad_alloc();
            log.add(finding(Severity::error, "sqlite-integrity", "file", line));
        }
    });
    check_columns(store, log);
    const StoreInfo& info = store.info();
    const std::uint64_t free = info.free_pages * info.page_size;
    if (free * 4 > info.file_bytes && free > std::uint64_t{1024} * 1024) {
        log.add(finding(Severity::info, "free-space", "file",
                        std::to_string(free) + " of " + std::to_string(info.file_bytes) +
                            " bytes are free pages; kvctl vacuum gives them back"));
    }
    if (info.wal_bytes > info.file_bytes / 2 && info.wal_bytes > 64ULL * 1024 * 1024) {
        log.add(finding(Severity::info, "large-wal", "file",
                        "the -wal has " + std::to_string(info.wal_bytes) +
                            " bytes: a checkpoint was kept from finishing"));
    }
}

void walk_rows(const sqlite::Database& db, const std::string& table, const std::string& columns,
               FindingLog& log, const std::function<bool(const sqlite::Statement&)>& f,
               const std::function<void()>& lost) {
    using Range = std::pair<std::int64_t, std::int64_t>;
    const std::string name = sqlite::quote_name(table);
    Range all{std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
    try {
        all.first = db.integer("SELECT min(rowid) FROM " + name).value_or(0);
        all.second = db.integer("SELECT max(rowid) FROM " + name).value_or(-1);
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::damaged) throw;
    }
    std::optional<Range> hole;
    const auto end_hole = [&] {
        if (!hole) return;
        log.add(finding(Severity::error, "unreadable-rows", "table " + table,
                        "rows " + std::to_string(hole->first) + " to " + std::to_string(hole->second) +
                            " cannot be read"));
        hole.reset();
        lost();
    };
    std::vector<Range> left{all};
    std::optional<sqlite::Statement> s;  // compiled once: a damaged table is asked thousands of times
    int failures = 0;
    while (!left.empty()) {
        const Range range = left.back();
        left.pop_back();
        if (range.first > range.second) continue;
        check_interrupt();
        std::optional<std::int64_t> last;
        bool more = true;
        try {
            if (!s) {
                s = db.prepare("SELECT rowid, " + columns + " FROM " + name +
                               " NOT INDEXED WHERE rowid BETWEEN ?1 AND ?2 ORDER BY rowid");
            }
            s->reset();
            s->bind(1, range.first).bind(2, range.second);
            while (more && s->step()) {
                end_hole();
                last = s->integer(0);
                more = f(*s);
            }
        } catch (const Error& e) {
            if (e.kind() != ErrorKind::damaged) throw;
            if (++failures > k_most_failures) {
                hole = hole.value_or(range);
                hole->second = all.second;
                break;
            }
            if (last) {
                if (*last < range.second) left.emplace_back(*last + 1, range.second);
            } else if (range.first == range.second) {
                hole = Range(hole ? hole->first : range.first, range.second);
            } else {
                const auto middle = static_cast<std::int64_t>(
                    static_cast<std::uint64_t>(range.first) +
                    (static_cast<std::uint64_t>(range.second) - static_cast<std::uint64_t>(range.first)) / 2);
                left.emplace_back(middle + 1, range.second);
                left.emplace_back(range.first, middle);
            }
        }
        if (!more) return;
    }
    end_hole();
}

}  // namespace kvctl::store
