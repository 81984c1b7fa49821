#include "kvctl/sqlite/database.hpp"

#include <sqlite3.h>

#include <exception>
#include <utility>

#include "kvctl/sqlite/failure.hpp"
#include "kvctl/sqlite/functions.hpp"

namespace kvctl::sqlite {
namespace {

// Lets through what a CREATE TABLE or CREATE INDEX needs, and nothing that another statement would.
int allow_schema(void* /*unused*/, int action, const char* /*unused*/, const char* /*unused*/,
                 const char* /*unused*/, const char* /*unused*/) {
    switch (action) {
        case SQLITE_CREATE_TABLE:
        case SQLITE_CREATE_INDEX:
        case SQLITE_REINDEX:
        case SQLITE_INSERT:  // into sqlite_schema
        case SQLITE_UPDATE:
        case SQLITE_READ:
        case SQLITE_SELECT:
        case SQLITE_FUNCTION:  // in an expression; the schema's are not trusted
            return SQLITE_OK;
        default:
            return SQLITE_DENY;
    }
}

}  // namespace

Database::Database(const std::string& path)
    : path_(std::make_unique<std::string>(path)), functions_(std::make_unique<Functions>()) {}

Database::Database(Database&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)),
      path_(std::move(other.path_)),
      functions_(std::move(other.functions_)) {}

Database& Database::operator=(Database&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(path_, other.path_);
    std::swap(functions_, other.functions_);
    return *this;
}

Database::~Database() {
    sqlite3_close_v2(handle_);
}

void Database::close() {
    const int rc = sqlite3_close(handle_);
    if (rc != SQLITE_OK) fail(handle_, *path_, rc, nullptr);
    handle_ = nullptr;
}

Statement Database::prepare(std::string_view sql) const {
    sqlite3_stmt* statement = nullptr;
    const int rc = sqlite3_prepare_v2(handle_, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
    if (rc != SQLITE_OK) fail(handle_, *path_, rc, std::string(sql).c_str());
    return {handle_, statement, path_.get()};
}

void Database::exec(const std::string& sql) const {
    if (const int rc = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr); rc != SQLITE_OK) {
        if (functions_->error) std::rethrow_exception(std::exchange(functions_->error, nullptr));
        fail(handle_, *path_, rc, sql.c_str());
    }
}

void Database::run_schema(const std::string& sql) const {
    sqlite3_stmt* statement = nullptr;
    const char* rest = nullptr;
    sqlite3_set_authorizer(handle_, allow_schema, nullptr);
    const int rc =
        sqlite3_prepare_v2(handle_, sql.c_str(), static_cast<int>(sql.size()) + 1, &statement, &rest);
    sqlite3_set_authorizer(handle_, nullptr, nullptr);
    Statement s(handle_, statement, path_.get());
    if (rc != SQLITE_OK) fail(handle_, *path_, rc, nullptr);
    if (statement == nullptr ||
        std::string_view(rest).find_first_not_of(" \t\r\n;") != std::string_view::npos) {
        throw Error(ErrorKind::refused,
                    *path_ + ": its schema holds more than the statement that made a table or index");
    }
    s.run();
}

std::optional<std::int64_t> Database::integer(std::string_view sql) const {
    Statement s = prepare(sql);
    if (!s.step() || s.null(0)) return std::nullopt;
    return s.integer(0);
}

std::optional<std::string> Database::text(std::string_view sql) const {
    Statement s = prepare(sql);
    if (!s.step() || s.null(0)) return std::nullopt;
    return std::string(s.bytes(0));
}

std::int64_t Database::changes() const noexcept {
    return sqlite3_changes64(handle_);
}
bool Database::in_transaction() const noexcept {
    return sqlite3_get_autocommit(handle_) == 0;
}
void Database::busy_timeout(int milliseconds) const {
    sqlite3_busy_timeout(handle_, milliseconds);
}

void Database::reserve_bytes(int bytes) const {
    const int rc = sqlite3_file_control(handle_, "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes);
    if (rc != SQLITE_OK) fail(handle_, *path_, rc, nullptr);
}

Transaction::Transaction(Database& db, Kind kind) : db_(&db) {
    switch (kind) {
        case Kind::deferred:
            db.exec("BEGIN");
            break;
        case Kind::immediate:
            db.exec("BEGIN IMMEDIATE");
            break;
        case Kind::exclusive:
            db.exec("BEGIN EXCLUSIVE");
            break;
    }
}

Transaction::~Transaction() {
    if (db_ != nullptr && db_->in_transaction())
        sqlite3_exec(db_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
    db_->exec("COMMIT");
    db_ = nullptr;
}

std::string quote_name(std::string_view name) {
    std::string out = "\"";
    for (const char c : name) {
        out += c;
        if (c == '"') out += c;
    }
    return out + "\"";
}

std::string library_version() {
    return sqlite3_libversion();
}

}  // namespace kvctl::sqlite
