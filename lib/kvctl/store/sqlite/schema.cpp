#include "kvctl/store/sqlite/schema.hpp"

#include <strings.h>

#include <algorithm>

#include "kvctl/base/format.hpp"

namespace kvctl::store {

bool same_name(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool is_one_of(std::span<const std::string_view> names, std::string_view name) noexcept {
    return std::any_of(names.begin(), names.end(), [&](std::string_view n) { return same_name(n, name); });
}

bool IndexInfo::is_on(const std::vector<std::string_view>& wanted) const noexcept {
    return std::equal(columns.begin(), columns.end(), wanted.begin(), wanted.end(), same_name);
}

Affinity affinity_of(std::string_view declared_type) noexcept {
    const auto holds = [&](std::string_view part) {
        for (std::size_t i = 0; i + part.size() <= declared_type.size(); ++i) {
            if (same_name(declared_type.substr(i, part.size()), part)) return true;
        }
        return false;
    };
    if (holds("INT")) return Affinity::numeric;
    if (holds("CHAR") || holds("CLOB") || holds("TEXT")) return Affinity::text;
    if (holds("BLOB") || declared_type.empty()) return Affinity::blob;
    if (holds("REAL") || holds("FLOA") || holds("DOUB")) return Affinity::real;
    return Affinity::numeric;
}

const Column* TableInfo::column(std::string_view wanted) const noexcept {
    const auto c = std::find_if(columns.begin(), columns.end(),
                                [&](const Column& x) { return same_name(x.name, wanted); });
    return c == columns.end() ? nullptr : &*c;
}

std::string TableInfo::column_list() const {
    std::string list;
    for (const Column& c : columns) {
        if (c.generated) continue;
        if (!list.empty()) list += ", ";
        list += sqlite::quote_name(c.name);
    }
    return list;
}

// Pragmas as statements, not as tables: those are made of SQL that SQLite compiles on each use, and a table
// of the file's own may have their names.
std::optional<TableInfo> read_table(const sqlite::Database& db, const std::string& name) {
    TableInfo table;
    sqlite::Statement schema =
        db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE");
    schema.bind_text(1, name);
    if (!schema.step()) return std::nullopt;
    table.name = schema.bytes(0);
    table.sql = schema.bytes(1);
    const std::string argument = "(" + sqlite::quote_name(table.name) + ")";

    // schema, name, type, columns, without rowid
    sqlite::Statement kind = db.prepare("PRAGMA main.table_list" + argument);
    if (!kind.step() || kind.bytes(2) != "table") return std::nullopt;
    table.without_rowid = kind.integer(4) != 0;

    // position, name, type, not null, default, place in the primary key, hidden
    sqlite::Statement columns = db.prepare("PRAGMA main.table_xinfo" + argument);
    while (columns.step()) {
        table.columns.push_back({std::string(columns.bytes(1)), std::string(columns.bytes(2)),
                                 !columns.null(4), columns.integer(6) > 1, columns.integer(5)});
    }
    // position, name, unique, origin, partial
    sqlite::Statement indexes = db.prepare("PRAGMA main.index_list" + argument);
    while (indexes.step()) {
        IndexInfo index{
            std::string(indexes.bytes(1)), {}, {}, indexes.integer(2) != 0, indexes.integer(4) != 0};
        // position, position in the table, name
        sqlite::Statement parts =
            db.prepare("PRAGMA main.index_info(" + sqlite::quote_name(index.name) + ")");
        while (parts.step()) index.columns.emplace_back(parts.bytes(2));
        table.indexes.push_back(std::move(index));
    }
    sqlite::Statement beside = db.prepare(
        "SELECT type, name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
        " OR type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE");
    beside.bind_text(1, table.name);
    while (beside.step()) {
        if (beside.bytes(0) == "trigger") {
            table.triggers.emplace_back(beside.bytes(1));
            continue;
        }
        for (IndexInfo& index : table.indexes) {
            if (index.name == beside.bytes(1)) index.sql = beside.bytes(2);
        }
    }
    return table;
}

bool TableInfo::has_columns(std::span<const std::string_view> wanted) const noexcept {
    return std::all_of(wanted.begin(), wanted.end(),
                       [&](std::string_view c) { return column(c) != nullptr; });
}

bool TableInfo::indexed_by(std::string_view wanted) const noexcept {
    return std::any_of(indexes.begin(), indexes.end(), [&](const IndexInfo& i) {
        return !i.partial && !i.columns.empty() && same_name(i.columns.front(), wanted);
    });
}

void refuse_odd_columns(const TableInfo& table, const std::string& path,
                        std::span<const std::string_view> columns) {
    for (const Column& c : table.columns) {
        if (!same_name(c.name, "rowid")) continue;
        throw Error(
            ErrorKind::not_a_store,
            fmt::format("{}: table {} has a column named rowid, which hides SQLite's own", path, table.name));
    }
    for (const std::string_view name : columns) {
        const Column* const c = table.column(name);
        if (c == nullptr || !c->generated) continue;
        throw Error(
            ErrorKind::not_a_store,
            fmt::format("{}: the column '{}' of table {} is generated: its values are computed, not stored",
                        path, name, table.name));
    }
}

std::vector<std::string> table_names(const sqlite::Database& db) {
    std::vector<std::string> names;
    sqlite::Statement s = db.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " AND coalesce(rootpage, 0) > 0 ORDER BY rowid");
    while (s.step()) names.emplace_back(s.bytes(0));
    return names;
}

std::uint64_t packed_pages(const sqlite::Database& db, const std::string& table, std::uint64_t usable_size) {
    std::uint64_t pages = 0;
    sqlite::Statement s = db.prepare(
        "SELECT d.pageno, d.unused FROM sqlite_schema AS m, dbstat AS d"
        " WHERE m.tbl_name = ?1 AND m.rootpage > 0 AND d.name = m.name AND d.aggregate = TRUE");
    s.bind_text(1, table);
    while (s.step()) {
        const auto now = static_cast<std::uint64_t>(s.integer(0));
        const auto unused = static_cast<std::uint64_t>(s.integer(1));
        pages += std::max<std::uint64_t>(
            1, (now * usable_size - std::min(unused, now * usable_size) + usable_size - 1) / usable_size);
    }
    return pages;
}

}  // namespace kvctl::store
