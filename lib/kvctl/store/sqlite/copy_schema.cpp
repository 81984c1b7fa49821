#include "kvctl/store/sqlite/copy_schema.hpp"

#include <optional>
#include <vector>

#include "kvctl/store/sqlite/schema.hpp"

namespace kvctl::store {
namespace {

// A file name inside a URI: '%', '?' and '#' would end it or begin an escape.
std::string uri_of(const std::string& path, bool lockless) {
    std::string uri = "file:";
    for (const char c : path) {
        if (c == '%' || c == '?' || c == '#') {
            constexpr std::string_view k_hex = "0123456789ABCDEF";
            uri += '%';
            uri += k_hex[static_cast<unsigned char>(c) >> 4];
            uri += k_hex[static_cast<unsigned char>(c) & 15];
        } else {
            uri += c;
        }
    }
    return uri + (lockless ? "?mode=ro&vfs=kvctl-lockless" : "?mode=ro");
}

std::vector<std::string> column_of(const sqlite::Database& db, const char* sql) {
    std::vector<std::string> all;
    sqlite::Statement s = db.prepare(sql);
    while (s.step()) all.emplace_back(s.bytes(0));
    return all;
}

bool has_table(const sqlite::Database& db, const std::string& schema, const std::string& name) {
    sqlite::Statement s =
        db.prepare("SELECT 1 FROM " + schema + ".sqlite_schema WHERE type = 'table' AND name = ?1");
    s.bind_text(1, name);
    return s.step();
}

std::string plain_columns(const sqlite::Database& db, const std::string& table) {
    std::string list;
    // position, name, type, not null, default, place in the primary key, hidden
    sqlite::Statement s = db.prepare("PRAGMA src.table_xinfo(" + sqlite::quote_name(table) + ")");
    while (s.step()) {
        if (s.integer(6) == 0) list += (list.empty() ? "" : ", ") + sqlite::quote_name(s.bytes(1));
    }
    return list;
}

}  // namespace

sqlite::Database create_like(const std::string& path, const sqlite::Database& source,
                             const StoreInfo& source_info, bool lockless) {
    sqlite::Database db = sqlite::Database::open(path, sqlite::Database::Mode::create);
    const auto pragma = [&](const char* name) {
        return source.text(std::string("PRAGMA main.") + name).value_or("");
    };
    db.exec("PRAGMA page_size=" + pragma("page_size"));
    db.reserve_bytes(static_cast<int>(source_info.reserved_bytes));
    db.exec("PRAGMA encoding='" + pragma("encoding") + "'");
    db.exec("PRAGMA auto_vacuum=" + pragma("auto_vacuum"));
    // For all files or for the new one alone: without its own -shm a WAL is only read in this mode, and a
    // source that others have open cannot be read in it.
    db.exec(lockless ? "PRAGMA locking_mode=EXCLUSIVE" : "PRAGMA main.locking_mode=EXCLUSIVE");
    db.exec("PRAGMA journal_mode=OFF");
    db.exec("PRAGMA synchronous=OFF");
    // Rows come in order, so few pages are wanted again, and indexes are sorted in pieces of this size:
    // pieces that fit the processor's cache build the six of a kine store in two thirds of the time that 64
    // MiB take.
    db.exec("PRAGMA cache_size=-4096");
    db.exec("PRAGMA application_id=" + pragma("application_id"));
    db.exec("PRAGMA user_version=" + pragma("user_version"));
    db.prepare("ATTACH ?1 AS src").bind_text(1, uri_of(source_info.real_path, lockless)).run();
    // Each index is built by reading the new table through; mapped, that is a third of the run less. Nobody
    // else writes either file meanwhile, so neither can shrink under the map.
    db.exec("PRAGMA main.mmap_size=1099511627776");
    if (lockless) db.exec("PRAGMA src.mmap_size=1099511627776");
    db.exec("PRAGMA src.cell_size_check=ON");
    return db;
}

void copy_tables(const sqlite::Database& db) {
    for (const std::string& sql :
         column_of(db,
                   "SELECT sql FROM src.sqlite_schema WHERE type = 'table' AND rootpage > 0"
                   " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid")) {
        db.run_schema(sql);
    }
    // Tables of statistics cannot be made by name; analysing nothing makes them.
    if (has_table(db, "src", "sqlite_stat1")) db.exec("ANALYZE main.sqlite_schema");
}

void copy_other_rows(const sqlite::Database& db, const std::string& except) {
    for (const std::string& name : column_of(
             db, "SELECT name FROM src.sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY rowid")) {
        if (name == except || !has_table(db, "main", name)) continue;
        const std::string table = sqlite::quote_name(name);
        if (name.starts_with("sqlite_")) {
            db.exec("DELETE FROM main." + table);
            db.exec("INSERT INTO main." + table + " SELECT * FROM src." + table);
            continue;
        }
        std::string columns = plain_columns(db, name);
        // Rows that nothing else names keep their number: somebody's note of it stays true.
        const std::optional<TableInfo> info = read_table(db, name);
        if (info && !info->without_rowid && info->column("rowid") == nullptr) columns = "rowid, " + columns;
        db.exec("INSERT INTO main." + table + " (" + columns + ") SELECT " + columns + " FROM src." + table);
    }
}

void copy_indexes(const sqlite::Database& db) {
    for (const std::string& sql : column_of(
             db,
             "SELECT sql FROM src.sqlite_schema WHERE type = 'index' AND length(sql) > 0 ORDER BY rowid")) {
        db.run_schema(sql);
    }
    if (db.integer("SELECT count(*) FROM src.sqlite_schema WHERE type IN ('view', 'trigger')"
                   " OR (type = 'table' AND coalesce(rootpage, 0) = 0)")
            .value_or(0) == 0) {
        return;
    }
    // As VACUUM does: these have no pages, only their text, and nothing of it may run here.
    db.exec("PRAGMA writable_schema=ON");
    db.exec(
        "INSERT INTO main.sqlite_schema SELECT type, name, tbl_name, rootpage, sql FROM src.sqlite_schema"
        " WHERE type IN ('view', 'trigger') OR (type = 'table' AND coalesce(rootpage, 0) = 0)");
    db.exec("PRAGMA writable_schema=RESET");
}

}  // namespace kvctl::store
