#include "gen_database.hpp"

#include <filesystem>
#include <stdexcept>

namespace kvctl::gen {

NewDatabase::NewDatabase(const std::string& path, std::uint64_t page_size) {
    if (std::filesystem::exists(path)) {
        throw std::runtime_error(path + ": exists already");
    }
    sqlite3* db = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    db_.reset(db);
    if (code != SQLITE_OK) {
        throw std::runtime_error(path + ": " + sqlite3_errmsg(db));
    }
    run("PRAGMA page_size = " + std::to_string(page_size));
    run("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -131072");
}

void NewDatabase::run(const std::string& sql) {
    if (sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
        throw std::runtime_error(sql + ": " + sqlite3_errmsg(db_.get()));
    }
}

Insert::Insert(NewDatabase& db, const std::string& sql) : db_(db.db_.get()) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr);
    statement_.reset(statement);
    check(code);
}

void Insert::check(int code) const {
    if (code != SQLITE_OK && code != SQLITE_DONE) {
        throw std::runtime_error(std::string("insert: ") + sqlite3_errmsg(db_));
    }
}

void Insert::integer(int column, std::int64_t value) {
    check(sqlite3_bind_int64(statement_.get(), column, value));
}

void Insert::blob(int column, std::string_view bytes) {
    // A null pointer would bind NULL instead of an empty blob.
    const char* data = bytes.empty() ? "" : bytes.data();
    check(sqlite3_bind_blob64(statement_.get(), column, data, bytes.size(), SQLITE_STATIC));
}

void Insert::text(int column, std::string_view bytes) {
    check(sqlite3_bind_text64(statement_.get(), column, bytes.data(), bytes.size(), SQLITE_STATIC,
                              SQLITE_UTF8));
}

void Insert::null(int column) {
    check(sqlite3_bind_null(statement_.get(), column));
}

void Insert::integers(std::initializer_list<std::int64_t> values) {
    int column = 0;
    for (const std::int64_t value : values) {
        integer(++column, value);
    }
}

void Insert::row() {
    const int code = sqlite3_step(statement_.get());
    sqlite3_reset(statement_.get());
    check(code);
}

}  // namespace kvctl::gen
