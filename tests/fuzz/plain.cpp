#include "tests/fuzz/plain.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>

#include "tests/fuzz/sqlite_edit.hpp"
#include "tests/support/temp_dir.hpp"

namespace kvctl::fuzz {
namespace {

struct Close {
    void operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
    void operator()(sqlite3_stmt* s) const noexcept { sqlite3_finalize(s); }
};
using Handle = std::unique_ptr<sqlite3, Close>;
using Query = std::unique_ptr<sqlite3_stmt, Close>;

// A connection that reads. Of a store with a -wal, or in WAL mode, to a copy: SQLite would leave files beside
// it.
class Reading {
  public:
    explicit Reading(const std::string& path) {
        const std::string bytes = test::read_file(path);
        const bool wal = bytes.size() > 19 && (bytes[18] == 2 || bytes[19] == 2);
        if (wal) {
            copy_ = path + ".plain";
            const std::string beside = path + "-wal";
            StoreFiles{bytes, std::filesystem::exists(beside) ? test::read_file(beside) : ""}.write(copy_);
        }
        sqlite3* db = nullptr;
        const int rc = sqlite3_open_v2(wal ? copy_.c_str() : path.c_str(), &db,
                                       wal ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY, nullptr);
        handle_.reset(db);
        if (rc == SQLITE_OK) {
            sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
            sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
        } else {
            handle_.reset();
        }
    }
    ~Reading() {
        handle_.reset();
        if (!copy_.empty()) remove_store(copy_);
    }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    [[nodiscard]] sqlite3* get() const noexcept { return handle_.get(); }

  private:
    Handle handle_;
    std::string copy_;
};

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
        if (r.ill_typed || (!kine && r.revision.first == 0)) continue;
        if (r.tombstone) {
            values.erase(r.key);
        } else {
            values[r.key] = r.value;
        }
    }
    return values;
}

std::optional<PlainStore> read_plain(const std::string& path, store::Layout layout) {
    const Reading db(path);
    if (db.get() == nullptr) return std::nullopt;
    PlainStore store;
    store.kine = layout == store::Layout::kine;
    const char* const sql = store.kine
                                ? "SELECT id, 0, deleted, name, value FROM main.kine NOT INDEXED"
                                : "SELECT main, sub, tombstone, key, value FROM main.revision NOT INDEXED";
    if (!read_rows(db.get(), sql, store)) return std::nullopt;
    return store;
}

bool plain_sound(const std::string& path) {
    const Reading db(path);
    if (db.get() == nullptr) return false;
    const Query q = prepare(db.get(), "PRAGMA integrity_check(1)");
    return q != nullptr && sqlite3_step(q.get()) == SQLITE_ROW && bytes_of(q.get(), 0) == "ok";
}

}  // namespace kvctl::fuzz
