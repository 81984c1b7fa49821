#include "tests/fuzz/memory_database.hpp"

#include <sqlite3.h>

#include <cstring>
#include <stdexcept>
#include <utility>

namespace kvctl::fuzz {

void MemoryDatabase::Close::operator()(sqlite3* db) const noexcept {
    sqlite3_close_v2(db);
}
void MemoryDatabase::Close::operator()(sqlite3_stmt* s) const noexcept {
    sqlite3_finalize(s);
}

MemoryDatabase::MemoryDatabase(std::string bytes, bool utf16) : start_(std::move(bytes)), utf16_(utf16) {
    sqlite3* db = nullptr;
    if (sqlite3_open(":memory:", &db) != SQLITE_OK) throw std::runtime_error("SQLite has no memory");
    handle_.reset(db);
    auto* const copy = static_cast<unsigned char*>(sqlite3_malloc64(start_.size()));
    std::memcpy(copy, start_.data(), start_.size());
    const auto size = static_cast<sqlite3_int64>(start_.size());
    sqlite3_deserialize(db, "main", copy, size, size,
                        SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE);
    // Statements of an input must not take long.
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 1 << 20);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
}

// Behind SQLite's back, as another process would: the change counter makes it read the pages anew.
void MemoryDatabase::restore() {
    sqlite3_file* file = nullptr;
    sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_FILE_POINTER, &file);
    sqlite3_int64 size = 0;
    file->pMethods->xFileSize(file, &size);
    const auto wanted = static_cast<sqlite3_int64>(start_.size());
    if (size > wanted) file->pMethods->xTruncate(file, wanted);
    if (file->pMethods->xWrite(file, start_.data(), static_cast<int>(wanted), 0) != SQLITE_OK)
        throw std::runtime_error("a database in memory cannot be written");
}

void MemoryDatabase::run(const std::string& sql, std::initializer_list<Value> values) {
    auto& statement = compiled_[sql];
    if (statement == nullptr) {
        sqlite3_stmt* s = nullptr;
        sqlite3_prepare_v3(handle_.get(), sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &s, nullptr);
        statement.reset(s);
        if (s == nullptr) return;
    }
    int parameter = 0;
    for (const Value& v : values) bind(statement.get(), ++parameter, v);
    while (sqlite3_step(statement.get()) == SQLITE_ROW) {
    }
    sqlite3_reset(statement.get());
}

void MemoryDatabase::bind(sqlite3_stmt* s, int parameter, const Value& value) const {
    if (const auto* const number = std::get_if<std::int64_t>(&value)) {
        sqlite3_bind_int64(s, parameter, *number);
    } else if (const auto* const real = std::get_if<double>(&value)) {
        sqlite3_bind_double(s, parameter, *real);
    } else if (const auto* const text = std::get_if<Text>(&value)) {
        sqlite3_bind_text64(s, parameter, text->bytes.data(), text->bytes.size(), SQLITE_TRANSIENT,
                            text->as_stored && utf16_ ? SQLITE_UTF16LE : SQLITE_UTF8);
    } else if (const auto* const blob = std::get_if<Blob>(&value)) {
        sqlite3_bind_blob64(s, parameter, blob->bytes.data(), blob->bytes.size(), SQLITE_TRANSIENT);
    } else if (const auto* const zeros = std::get_if<Zeros>(&value)) {
        sqlite3_bind_zeroblob(s, parameter, zeros->count);
    } else {
        sqlite3_bind_null(s, parameter);
    }
}

void MemoryDatabase::run_script(const std::string& sql) {
    sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
    if (sqlite3_get_autocommit(handle_.get()) == 0)
        sqlite3_exec(handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void MemoryDatabase::begin_with(const std::string& script) {
    run_script(script);
    start_ = bytes();
}

std::string MemoryDatabase::bytes() const {
    sqlite3_int64 size = 0;
    const unsigned char* const bytes =
        sqlite3_serialize(handle_.get(), "main", &size, SQLITE_SERIALIZE_NOCOPY);
    return bytes == nullptr
               ? std::string()
               : std::string(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

}  // namespace kvctl::fuzz
