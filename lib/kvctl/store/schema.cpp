#include "kvctl/store/schema.hpp"

#include <strings.h>

#include <algorithm>

namespace kvctl::store {

const Column* TableInfo::column(std::string_view wanted) const noexcept {
    const auto c =
        std::find_if(columns.begin(), columns.end(), [&](const Column& x) { return x.name == wanted; });
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

std::optional<TableInfo> read_table(const sqlite::Database& db, const std::string& name) {
    TableInfo table;
    sqlite::Statement list = db.prepare(
        "SELECT type, wr FROM pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE NOCASE");
    list.bind_text(1, name);
    if (!list.step() || list.bytes(0) != "table") return std::nullopt;
    table.without_rowid = list.integer(1) != 0;

    sqlite::Statement schema =
        db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE");
    schema.bind_text(1, name);
    if (!schema.step()) return std::nullopt;
    table.name = schema.bytes(0);
    table.sql = schema.bytes(1);

    sqlite::Statement columns =
        db.prepare("SELECT name, type, dflt_value, pk, hidden FROM pragma_table_xinfo(?1)");
    columns.bind_text(1, table.name);
    while (columns.step()) {
        table.columns.push_back({std::string(columns.bytes(0)), std::string(columns.bytes(1)),
                                 !columns.null(2), columns.integer(4) > 1, columns.integer(3)});
    }
    sqlite::Statement indexes = db.prepare(
        "SELECT l.name, l.\"unique\", l.partial, coalesce(s.sql, '') FROM pragma_index_list(?1) AS l"
        " LEFT JOIN sqlite_schema AS s ON s.type = 'index' AND s.name = l.name");
    indexes.bind_text(1, table.name);
    while (indexes.step()) {
        IndexInfo index{std::string(indexes.bytes(0)),
                        std::string(indexes.bytes(3)),
                        {},
                        indexes.integer(1) != 0,
                        indexes.integer(2) != 0};
        sqlite::Statement parts =
            db.prepare("SELECT coalesce(name, '') FROM pragma_index_info(?1) ORDER BY seqno");
        parts.bind_text(1, index.name);
        while (parts.step()) index.columns.emplace_back(parts.bytes(0));
        table.indexes.push_back(std::move(index));
    }
    sqlite::Statement triggers =
        db.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE");
    triggers.bind_text(1, table.name);
    while (triggers.step()) table.triggers.emplace_back(triggers.bytes(0));
    return table;
}

bool TableInfo::indexed_by(std::string_view wanted) const noexcept {
    return std::any_of(indexes.begin(), indexes.end(), [&](const IndexInfo& i) {
        return !i.partial && !i.columns.empty() && i.columns.front() == wanted;
    });
}

void refuse_odd_columns(const sqlite::Database& db, const std::string& path, const std::string& table,
                        std::span<const std::string_view> columns) {
    const std::optional<TableInfo> found = read_table(db, table);
    if (!found) return;
    for (const Column& c : found->columns) {
        if (c.name.size() != 5 || ::strcasecmp(c.name.c_str(), "rowid") != 0) continue;
        throw Error(ErrorKind::not_a_store,
                    path + ": table " + table + " has a column named rowid, which hides SQLite's own");
    }
    for (const std::string_view name : columns) {
        const Column* const c = found->column(name);
        if (c == nullptr || !c->generated) continue;
        throw Error(ErrorKind::not_a_store, path + ": the column '" + std::string(name) + "' of table " +
                                                table + " is generated: its values are computed, not stored");
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
