#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/store/kine/kine.hpp"
#include "kvctl/store/kine/kine_writer.hpp"
#include "kvctl/store/native/native.hpp"
#include "kvctl/store/native/native_writer.hpp"
#include "kvctl/store/salvage.hpp"
#include "kvctl/store/temp_file.hpp"

namespace kvctl::store {
namespace {

using sqlite::Database;
using sqlite::Statement;
using sqlite::Type;

constexpr std::int64_t k_first_rowid = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t k_last_rowid = std::numeric_limits<std::int64_t>::max();

// Reads a table in the order of its rowids past what cannot be read: a broken page hides the rows on it, and
// a row is found again by the next rowid that leads to another page.
class RowScan {
  public:
    RowScan(const Database& db, const std::string& table, const std::string& columns)
        : db_(db),
          rows_("SELECT rowid, " + columns + " FROM " + table +
                " NOT INDEXED WHERE rowid >= ?1 ORDER BY rowid"),
          next_("SELECT rowid FROM " + table + " NOT INDEXED WHERE rowid >= ?1 ORDER BY rowid LIMIT 1"),
          one_("SELECT " + columns + " FROM " + table + " NOT INDEXED WHERE rowid = ?1") {}

    void run(const std::function<void(const Statement&)>& row, const std::function<void()>& gap) {
        for (std::int64_t from = k_first_rowid;;) {
            std::optional<std::int64_t> last;
            if (read([&] {
                    Statement s = db_.prepare(rows_);
                    s.bind(1, from);
                    while (s.step()) {
                        last = s.integer(0);
                        row(s);
                        if ((++rows_read_ & 0xFFF) == 0) check_interrupt();
                    }
                }))
                return;
            gap();
            if (last == k_last_rowid) return;
            const auto found = next_readable(last ? *last + 1 : from == k_first_rowid ? 1 : from);
            if (!found) return;
            from = *found;
        }
    }

  private:
    // False when damage ended it.
    template <class F>
    static bool read(F f) {
        try {
            f();
            return true;
        } catch (const Error& e) {
            if (e.kind() != ErrorKind::damaged) throw;
            return false;
        }
    }

    // The first rowid from `at` on whose row can be read whole. One by one as far as a page reaches, then in
    // growing steps: what they pass over is lost.
    std::optional<std::int64_t> next_readable(std::int64_t at) {
        constexpr std::int64_t k_one_by_one = 1 << 16;
        std::int64_t step = 1;
        for (std::int64_t tries = 0;; ++tries) {
            if ((tries & 0xFF) == 0) check_interrupt();
            std::optional<std::int64_t> found;
            bool any = false;
            const bool seen = read([&] {
                Statement s = db_.prepare(next_);
                s.bind(1, at);
                any = s.step();
                if (any) found = s.integer(0);
            });
            if (seen && !any) return std::nullopt;
            if (seen && read([&] {
                    Statement s = db_.prepare(one_);
                    s.bind(1, *found);
                    (void)s.step();
                }))
                return found;
            if (seen) at = *found;
            if (tries >= k_one_by_one) step *= 2;
            if (at > k_last_rowid - step) return std::nullopt;
            at += step;
        }
    }

    const Database& db_;
    std::string rows_;
    std::string next_;
    std::string one_;
    std::uint64_t rows_read_ = 0;
};

// Mains between two rows that something was lost between.
class Gaps {
  public:
    explicit Gaps(std::int64_t shared) : shared_(shared) {}

    void open() { open_ = true; }
    void row(std::int64_t main) {
        if (open_) close(main);
        last_ = main;
    }
    void lost_row(std::optional<std::int64_t> main) { lost_.push_back({main, main, {}}); }
    std::vector<LostRange> take() {
        if (open_) close(std::nullopt);
        return std::move(lost_);
    }

  private:
    void close(std::optional<std::int64_t> next) {
        LostRange range;
        if (last_) range.from = *last_ + 1 - shared_;
        if (next) range.to = *next - 1 + shared_;
        // Rows in no order tell nothing.
        if (range.from && range.to && *range.from > *range.to) range = {};
        lost_.push_back(std::move(range));
        open_ = false;
    }

    std::int64_t shared_;  // 1: several rows may have one main
    bool open_ = false;
    std::optional<std::int64_t> last_;
    std::vector<LostRange> lost_;
};

void copy_cell(Statement& to, int parameter, const Statement& from, int column) {
    switch (from.type(column)) {
        case Type::integer:
            to.bind(parameter, from.integer(column));
            break;
        case Type::text:
            to.bind_text(parameter, from.bytes(column));
            break;
        case Type::blob:
            to.bind_blob(parameter, from.bytes(column));
            break;
        default:
            to.bind_null(parameter);
    }
}

struct SoundColumn {
    const char* name;
    bool integer;  // must be one
    bool nullable;
};

// The columns of a row in their order; the first is 1, behind the rowid.
template <std::size_t N>
bool sound(const Statement& row, const std::array<SoundColumn, N>& columns) {
    for (std::size_t i = 0; i < N; ++i) {
        const Type type = row.type(static_cast<int>(i) + 1);
        if (type == Type::null) {
            if (!columns[i].nullable) return false;
        } else if (type == Type::real || (columns[i].integer && type != Type::integer)) {
            return false;
        }
    }
    return true;
}

template <std::size_t N>
std::string list_of(const std::array<SoundColumn, N>& columns) {
    std::string list;
    for (const SoundColumn& c : columns) list += (list.empty() ? "" : ", ") + std::string(c.name);
    return list;
}

template <std::size_t N>
Statement insert_into(const Database& db, const char* table, const std::array<SoundColumn, N>&) {
    std::string sql = "INSERT OR IGNORE INTO " + std::string(table) + " VALUES (?1";
    for (std::size_t i = 2; i <= N; ++i) sql += ", ?" + std::to_string(i);
    return db.prepare(sql + ")");
}

constexpr std::array<SoundColumn, 9> k_kine{{{"id", true, false},
                                             {"name", false, false},
                                             {"created", true, false},
                                             {"deleted", true, false},
                                             {"create_revision", true, true},
                                             {"prev_revision", true, false},
                                             {"lease", true, false},
                                             {"value", false, true},
                                             {"old_value", false, true}}};
constexpr std::array<SoundColumn, 8> k_revision{{{"main", true, false},
                                                 {"sub", true, false},
                                                 {"tombstone", true, false},
                                                 {"key", false, false},
                                                 {"create_revision", true, false},
                                                 {"version", true, false},
                                                 {"lease", true, false},
                                                 {"value", false, true}}};

class Copy {
  public:
    Copy(const Database& from, const Database& to, Progress* progress)
        : from_(from), to_(to), progress_(progress) {}

    template <std::size_t N>
    void rows(const char* table, const std::array<SoundColumn, N>& columns, bool shared_mains,
              const std::function<void(const Statement&)>& taken) {
        Statement insert = insert_into(to_, table, columns);
        Gaps gaps(shared_mains ? 1 : 0);
        RowScan scan(from_, table, list_of(columns));
        scan.run(
            [&](const Statement& row) {
                const bool known = row.type(1) == Type::integer;
                const std::optional<std::int64_t> main = known ? std::optional(row.integer(1)) : std::nullopt;
                bool kept = sound(row, columns);
                if (kept) {
                    for (int i = 0; i < static_cast<int>(N); ++i) copy_cell(insert, i + 1, row, i + 1);
                    insert.run();
                    kept = to_.changes() == 1;
                }
                if (!kept) {
                    gaps.lost_row(main);
                    return;
                }
                gaps.row(*main);
                taken(row);
                if ((++rows_ & 0xFFF) == 0 && progress_ != nullptr) progress_->update("copying", rows_, 0);
            },
            [&] { gaps.open(); });
        for (LostRange& range : gaps.take()) result.lost.push_back(std::move(range));
    }

    // A small table: what can be had of it.
    void small(const char* table, const std::string& select, const std::string& insert) {
        try {
            Statement from = from_.prepare(select);
            Statement to = to_.prepare(insert);
            while (from.step()) {
                copy_cell(to, 1, from, 0);
                copy_cell(to, 2, from, 1);
                to.run();
            }
        } catch (const Error& e) {
            if (e.kind() != ErrorKind::damaged) throw;
            result.warnings.push_back(fmt::format("table {} could not be read whole", table));
        }
    }

    [[nodiscard]] std::uint64_t taken() const noexcept { return rows_; }

    Salvaged result;

  private:
    std::uint64_t rows_ = 0;
    const Database& from_;
    const Database& to_;
    Progress* progress_;
};

void salvage_kine(Copy& copy, const Database& to) {
    IncompleteKeys incomplete;
    std::optional<std::int64_t> compacted;
    struct LatestRow {
        std::string name;
        std::int64_t id;
        std::int64_t previous;
    };
    std::vector<LatestRow> rows;
    create_kine_table(to);
    copy.rows("kine", k_kine, false, [&](const Statement& row) {
        const std::string name(row.bytes(2));
        if (name == "compact_rev_key") {
            compacted = std::max(compacted.value_or(0), row.integer(6));
            return;
        }
        const bool deleted = row.integer(4) != 0;
        const bool gap = deleted && row.integer(6) == 0 && row.bytes(8).empty() &&
                         name == "gap-" + std::to_string(row.integer(1));
        ++copy.result.revisions;
        if (gap) return;
        if (deleted) ++copy.result.tombstones;
        copy.result.bytes += name.size() + (deleted ? 0 : row.bytes(8).size());
        const auto last = incomplete.last(name);
        const std::int64_t previous = row.integer(6);
        if (previous != 0 && last != previous) rows.push_back({name, row.integer(1), previous});
        incomplete.add(name, row.integer(1), std::nullopt);
    });
    // Known only now: what stood at or below the compact revision may be gone by right.
    IncompleteKeys holes;
    for (const LatestRow& row : rows) {
        if (row.previous > compacted.value_or(0)) holes.add(row.name, row.id, row.previous);
    }
    holes.attach(copy.result.lost);
    // Asked first: without a journal an index that fails half way stays in the file, broken.
    const bool shared = rows_share_previous(to);
    create_kine_indexes(to, !shared);
    if (shared)
        copy.result.warnings.emplace_back(
            "two rows replace one: kine's unique index cannot be made, and kine does not start on the table");
    if (!compacted) copy.result.warnings.emplace_back("no compact revision was found: kine begins with 0");
}

void salvage_native(Copy& copy, const Database& to) {
    IncompleteKeys incomplete;
    std::map<std::string, std::int64_t> versions;
    std::int64_t compacted = -1;
    create_native_tables(to, false);
    copy.small("meta", "SELECT name, value FROM meta", "INSERT OR IGNORE INTO meta VALUES (?1, ?2)");
    copy.small("lease", "SELECT id, ttl FROM lease", "INSERT OR IGNORE INTO lease VALUES (?1, ?2)");
    compacted = to.integer("SELECT value FROM meta WHERE name = 'finished_compact_rev'").value_or(-1);
    copy.rows("revision", k_revision, true, [&](const Statement& row) {
        const std::string key(row.bytes(4));
        const bool tombstone = row.integer(3) != 0;
        ++copy.result.revisions;
        const auto known = versions.find(key);
        std::optional<std::int64_t> expects;
        if (!tombstone && row.integer(6) != (known == versions.end() ? 0 : known->second) + 1 &&
            row.integer(5) > compacted)
            expects = row.integer(5);
        incomplete.add(key, row.integer(1), expects);
        if (tombstone) {
            ++copy.result.tombstones;
            versions.erase(key);
        } else {
            versions[key] = row.integer(6);
        }
        copy.result.bytes += key.size() + row.bytes(8).size();
    });
    incomplete.attach(copy.result.lost);
}

}  // namespace

Salvaged salvage_sqlite(const std::string& path, const std::string& file, std::optional<Layout> layout,
                        const TempFile& made, Progress* progress) {
    const Database from = Database::open(file, Database::Mode::cut);
    bool kine = false;
    try {
        kine = KineStore::find_table(from).has_value() && layout != Layout::native;
        if (layout == Layout::kine && !kine) {
            throw Error(ErrorKind::not_a_store,
                        path + ": not a kine store: table kine or one of its columns is not there");
        }
        if (!kine && !NativeStore::find_tables(from)) {
            throw Error(ErrorKind::not_a_store,
                        path + ": an SQLite database, but neither a native nor a kine store");
        }
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::damaged) throw;
        throw Error(ErrorKind::damaged, path + ": its schema cannot be read: nothing is to be had");
    }
    Database to = Database::open(made.path(), Database::Mode::create);
    for (const char* const pragma : {"PRAGMA page_size=4096", "PRAGMA locking_mode=EXCLUSIVE",
                                     "PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "BEGIN"})
        to.exec(pragma);
    Copy copy(from, to, progress);
    if (kine) {
        salvage_kine(copy, to);
    } else {
        salvage_native(copy, to);
    }
    if (copy.taken() == 0 && !copy.result.lost.empty())
        throw Error(ErrorKind::damaged, path + ": not one row of it can be read: nothing is to be had");
    to.exec("COMMIT");
    if (const std::string said = to.text("PRAGMA integrity_check(1)").value_or(""); said != "ok")
        throw Error(ErrorKind::internal,
                    fmt::format("{}: what was taken of it does not hold together: {}", path, said));
    to.close();
    return std::move(copy.result);
}

}  // namespace kvctl::store
