#include "contender_db.hpp"

#include <stdexcept>

namespace kvctl::bench {

Database::Database(const std::string& path, bool writable) {
    sqlite3* db = nullptr;
    const int flags = writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    const int code = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
    db_.reset(db);
    if (code != SQLITE_OK) {
        throw std::runtime_error(path + ": " + sqlite3_errmsg(db));
    }
}

void Database::run(const std::string& sql) {
    if (sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
        throw std::runtime_error(sql + ": " + sqlite3_errmsg(handle()));
    }
}

Statement::Statement(const Database& db, const std::string& sql) : db_(db.handle()) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr);
    statement_.reset(statement);
    if (code != SQLITE_OK) {
        throw std::runtime_error(sql + ": " + sqlite3_errmsg(db_));
    }
}

void Statement::bind(std::int64_t value) {
    if (sqlite3_bind_int64(handle(), 1, value) != SQLITE_OK) {
        throw std::runtime_error(std::string("bind: ") + sqlite3_errmsg(db_));
    }
}

bool Statement::step() {
    const int code = sqlite3_step(handle());
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        throw std::runtime_error(std::string("step: ") + sqlite3_errmsg(db_));
    }
    return code == SQLITE_ROW;
}

}  // namespace kvctl::bench
