#include "kvctl/store/index_check.hpp"

#include <algorithm>
#include <vector>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/interrupt.hpp"

namespace kvctl::store {
namespace {

// The one partial index that servers make. Others are left to SQLite: their condition is text of the file,
// which is never run here.
constexpr std::string_view k_known_condition = "name != 'compact_rev_key' AND prev_revision != 0";

std::uint64_t mixed(std::uint64_t h) noexcept {
    h ^= h >> 32;
    h *= 0xD6E8FEB86659FD93U;
    h ^= h >> 32;
    h *= 0xD6E8FEB86659FD93U;
    return h ^ (h >> 32);
}

std::uint64_t hash_of(const sqlite::Value& v, std::uint64_t h) noexcept {
    const sqlite::Type type = v.type();
    h = mixed(h + static_cast<std::uint64_t>(type) + 1);
    if (type == sqlite::Type::null) return h;
    if (type == sqlite::Type::integer) return mixed(h ^ static_cast<std::uint64_t>(v.integer()));
    const std::string_view bytes = v.bytes();
    return mixed(h ^ std::hash<std::string_view>{}(bytes));
}

// Rows in any order: what two sides hold is the same when both numbers are.
struct Content {
    std::uint64_t rows = 0;
    std::uint64_t sum = 0;
    // From `first` on, `count` columns and then the rowid, which is the first of all.
    void add(const sqlite::Values& row, std::size_t first, std::size_t count) noexcept {
        std::uint64_t h = mixed(static_cast<std::uint64_t>(row[0].integer()));
        for (std::size_t i = 0; i < count; ++i) h = hash_of(row[first + i], h);
        ++rows;
        sum += h;
    }
};

struct Checked {
    const IndexInfo* index = nullptr;
    bool conditional = false;
    std::size_t first = 0;  // its columns among those of the pass over the table
    Content in_table;
};

bool is_known_condition(const IndexInfo& index) {
    const std::string wanted = ") WHERE " + std::string(k_known_condition);
    return index.sql.ends_with(wanted) && std::count(index.sql.begin(), index.sql.end(), '(') == 1;
}

std::string columns_of(const IndexInfo& index) {
    std::string list;
    for (const std::string& c : index.columns) list += ", " + sqlite::quote_name(c);
    return list;
}

[[noreturn]] void fail(const std::string& path, const std::string& what) {
    throw Error(ErrorKind::damaged, path + ": " + what +
                                        "; nothing was changed ('REINDEX' in sqlite3 builds "
                                        "indexes anew from the rows)");
}

// What SQLite alone can judge: indexes of expressions, and partial ones.
void ask_sqlite(const sqlite::Database& db, const TableInfo& table, const std::string& path) {
    sqlite::Statement s = db.prepare("PRAGMA integrity_check(" + sqlite::quote_name(table.name) + ")");
    if (s.step() && s.bytes(0) != "ok") fail(path, "damaged: " + escape(s.bytes(0)));
}

}  // namespace

void check_indexes(const sqlite::Database& db, const TableInfo& table, const std::string& path,
                   IndexChoice choice) {
    std::vector<Checked> all;
    bool others = false;
    std::string columns = "rowid";
    std::size_t next = 1;
    for (const IndexInfo& i : table.indexes) {
        if (choice == IndexChoice::by_constraint && !i.sql.empty()) continue;
        const auto is = [&](auto what) { return std::any_of(i.columns.begin(), i.columns.end(), what); };
        const auto column = [&](const std::string& c) { return table.column(c); };
        // What a generated column holds is computed by text of the file.
        if (is([&](const std::string& c) { return column(c) != nullptr && column(c)->generated; })) continue;
        if (is([&](const std::string& c) { return column(c) == nullptr; }) ||
            (i.partial && !is_known_condition(i))) {
            others = true;
            continue;
        }
        all.push_back({&i, i.partial, next, {}});
        if (i.partial) columns += ", " + std::string(k_known_condition);
        columns += columns_of(i);
        next += i.columns.size() + (i.partial ? 1 : 0);
    }
    const std::string name = sqlite::quote_name(table.name);
    if (!all.empty()) {
        db.scan(columns, name + " NOT INDEXED", {}, [&](const sqlite::Values& row) {
            for (Checked& c : all) {
                if (c.conditional && row[c.first].integer() == 0) continue;
                c.in_table.add(row, c.first + (c.conditional ? 1 : 0), c.index->columns.size());
            }
        });
    }
    for (const Checked& c : all) {
        check_interrupt();
        Content in_index;
        std::string source = name + " INDEXED BY " + sqlite::quote_name(c.index->name);
        if (c.conditional) source += " WHERE " + std::string(k_known_condition);
        db.scan("rowid" + columns_of(*c.index), source, {},
                [&](const sqlite::Values& row) { in_index.add(row, 1, c.index->columns.size()); });
        if (in_index.rows != c.in_table.rows) {
            fail(path, "the index " + escape(c.index->name) + " holds " + std::to_string(in_index.rows) +
                           " rows where the table has " + std::to_string(c.in_table.rows));
        }
        if (in_index.sum != c.in_table.sum)
            fail(path, "the index " + escape(c.index->name) + " holds other values than the table");
    }
    if (others) ask_sqlite(db, table, path);
}

}  // namespace kvctl::store
