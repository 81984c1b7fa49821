#include "tests/fuzz/plain.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <memory>

namespace kvctl::fuzz {
namespace {

struct Close {
    void operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
    void operator()(sqlite3_stmt* s) const noexcept { sqlite3_finalize(s); }
};
using Handle = std::unique_ptr<sqlite3, Close>;
using Query = std::unique_ptr<sqlite3_stmt, Close>;

Handle open(const std::string& path) {
    sqlite3* db = nullptr;
    const int rc = sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr);
    Handle handle(db);
    if (rc != SQLITE_OK) return nullptr;
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    return handle;
}

Query prepare(sqlite3* db, const char* sql) {
    sqlite3_stmt* s = nullptr;
    if (sqlite3_prepare_v2(db, sql, -1, &s, nullptr) != SQLITE_OK) return nullptr;
    return Query(s);
}

std::string bytes_of(sqlite3_stmt* s, int column) {
    const void* const p = sqlite3_column_type(s, column) == SQLITE_TEXT
                              ? static_cast<const void*>(sqlite3_column_text(s, column))
                              : sqlite3_column_blob(s, column);
    const auto n = static_cast<std::size_t>(sqlite3_column_bytes(s, column));
    return p == nullptr ? std::string() : std::string(static_cast<const char*>(p), n);
}

// Columns: main, sub, tombstone, key, value.
bool read_rows(sqlite3* db, const char* sql, PlainStore& store) {
    const Query q = prepare(db, sql);
    if (q == nullptr) return false;
    const int key_type = store.kine ? SQLITE_TEXT : SQLITE_BLOB;
    int rc = SQLITE_ROW;
    while ((rc = sqlite3_step(q.get())) == SQLITE_ROW) {
        PlainRow r;
        r.ill_typed = sqlite3_column_type(q.get(), 0) != SQLITE_INTEGER ||
                      sqlite3_column_type(q.get(), 1) != SQLITE_INTEGER ||
                      sqlite3_column_type(q.get(), 2) != SQLITE_INTEGER ||
                      sqlite3_column_type(q.get(), 3) != key_type;
        r.revision = {sqlite3_column_int64(q.get(), 0), sqlite3_column_int64(q.get(), 1)};
        r.tombstone = sqlite3_column_int64(q.get(), 2) != 0;
        r.key = bytes_of(q.get(), 3);
        r.value = bytes_of(q.get(), 4);
        if (store.kine && r.key == "compact_rev_key") {
            ++store.compact_rows;
        } else {
            store.rows.push_back(std::move(r));
        }
    }
    std::stable_sort(store.rows.begin(), store.rows.end(),
                     [](const PlainRow& a, const PlainRow& b) { return a.revision < b.revision; });
    return rc == SQLITE_DONE;
}

}  // namespace

std::map<std::string, std::string> PlainStore::live() const {
    std::map<std::string, std::string> values;
    for (const PlainRow& r : rows) {
        if (r.ill_typed) continue;
        if (r.tombstone) {
            values.erase(r.key);
        } else {
            values[r.key] = r.value;
        }
    }
    return values;
}

std::optional<PlainStore> read_plain(const std::string& path) {
    const Handle db = open(path);
    if (db == nullptr) return std::nullopt;
    PlainStore store;
    if (read_rows(db.get(), "SELECT main, sub, tombstone, key, value FROM main.revision NOT INDEXED", store))
        return store;
    store = {};
    store.kine = true;
    if (read_rows(db.get(), "SELECT id, 0, deleted, name, value FROM main.kine NOT INDEXED", store))
        return store;
    return std::nullopt;
}

bool plain_sound(const std::string& path) {
    const Handle db = open(path);
    if (db == nullptr) return false;
    const Query q = prepare(db.get(), "PRAGMA integrity_check(1)");
    return q != nullptr && sqlite3_step(q.get()) == SQLITE_ROW && bytes_of(q.get(), 0) == "ok";
}

}  // namespace kvctl::fuzz
