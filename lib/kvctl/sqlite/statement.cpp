#include <sqlite3.h>

#include <utility>

#include "kvctl/sqlite/database.hpp"
#include "kvctl/sqlite/failure.hpp"

namespace kvctl::sqlite {
namespace {

Type type_of(int type) noexcept {
    switch (type) {
        case SQLITE_INTEGER:
            return Type::integer;
        case SQLITE_FLOAT:
            return Type::real;
        case SQLITE_TEXT:
            return Type::text;
        case SQLITE_BLOB:
            return Type::blob;
        default:
            return Type::null;
    }
}

}  // namespace

Type Value::type() const noexcept {
    return type_of(sqlite3_value_type(value_));
}
std::int64_t Value::integer() const noexcept {
    return sqlite3_value_int64(value_);
}

std::string_view Value::bytes() const noexcept {
    // The text accessor, unless it is a blob: a name that SQLite stored as a number reads as its digits.
    const void* const p = sqlite3_value_type(value_) == SQLITE_BLOB
                              ? sqlite3_value_blob(value_)
                              : static_cast<const void*>(sqlite3_value_text(value_));
    const auto n = static_cast<std::size_t>(sqlite3_value_bytes(value_));
    return p == nullptr ? std::string_view{} : std::string_view(static_cast<const char*>(p), n);
}

Statement::Statement(Statement&& other) noexcept
    : db_(other.db_), handle_(std::exchange(other.handle_, nullptr)), path_(other.path_) {}

Statement& Statement::operator=(Statement&& other) noexcept {
    std::swap(db_, other.db_);
    std::swap(handle_, other.handle_);
    std::swap(path_, other.path_);
    return *this;
}

Statement::~Statement() {
    sqlite3_finalize(handle_);
}

void Statement::check(int rc) const {
    if (rc != SQLITE_OK) fail(db_, *path_, rc, sqlite3_sql(handle_));
}

Statement& Statement::bind(int parameter, std::int64_t value) {
    check(sqlite3_bind_int64(handle_, parameter, value));
    return *this;
}

Statement& Statement::bind_blob(int parameter, std::string_view bytes) {
    const char* const p = bytes.data() == nullptr ? "" : bytes.data();  // a null pointer would bind NULL
    check(sqlite3_bind_blob64(handle_, parameter, p, bytes.size(), SQLITE_TRANSIENT));
    return *this;
}

Statement& Statement::bind_text(int parameter, std::string_view text) {
    const char* const p = text.data() == nullptr ? "" : text.data();
    check(sqlite3_bind_text64(handle_, parameter, p, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
    return *this;
}

Statement& Statement::bind_null(int parameter) {
    check(sqlite3_bind_null(handle_, parameter));
    return *this;
}

bool Statement::step() {
    const int rc = sqlite3_step(handle_);
    if (rc == SQLITE_ROW) return true;
    if (rc == SQLITE_DONE) return false;
    fail(db_, *path_, rc, sqlite3_sql(handle_));
}

void Statement::run() {
    while (step()) {
    }
    reset();
}

void Statement::reset() noexcept {
    sqlite3_reset(handle_);
}
int Statement::column_count() const noexcept {
    return sqlite3_column_count(handle_);
}

std::string Statement::column_name(int column) const {
    const char* const name = sqlite3_column_name(handle_, column);
    return name == nullptr ? "" : name;
}

Type Statement::type(int column) const noexcept {
    return type_of(sqlite3_column_type(handle_, column));
}
std::int64_t Statement::integer(int column) const noexcept {
    return sqlite3_column_int64(handle_, column);
}

std::string_view Statement::bytes(int column) const noexcept {
    const void* const p = sqlite3_column_type(handle_, column) == SQLITE_BLOB
                              ? sqlite3_column_blob(handle_, column)
                              : static_cast<const void*>(sqlite3_column_text(handle_, column));
    const auto n = static_cast<std::size_t>(sqlite3_column_bytes(handle_, column));
    return p == nullptr ? std::string_view{} : std::string_view(static_cast<const char*>(p), n);
}

}  // namespace kvctl::sqlite
