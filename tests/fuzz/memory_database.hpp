#pragma once
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>

struct sqlite3;
struct sqlite3_stmt;

namespace kvctl::fuzz {

/// What an edit puts into a statement: NULL, a number, text, bytes, or so many bytes of zero.
struct Text {
    std::string bytes;
    bool as_stored;  ///< in the database's own encoding, sound or not; otherwise UTF-8
};
struct Blob {
    std::string bytes;
};
struct Zeros {
    int count;
};
using Value = std::variant<std::monostate, std::int64_t, double, Text, Blob, Zeros>;

/// A database in memory, made of the bytes of a file and read back as such.
class MemoryDatabase {
  public:
    /// `utf16`: its texts are UTF-16le.
    MemoryDatabase(std::string bytes, bool utf16);
    /// Runs a script before anything else: its result is what restore() goes back to.
    void begin_with(const std::string& script);
    /// Back to the bytes it began with. Compiled statements stay, so only rows may have been changed.
    void restore();
    /// Runs one statement. Its text is compiled once; what SQLite refuses changes nothing.
    void run(const std::string& sql, std::initializer_list<Value> values);
    /// Runs several, as far as SQLite takes them; a transaction left open is rolled back.
    void run_script(const std::string& sql);
    [[nodiscard]] std::string bytes() const;

  private:
    struct Close {
        void operator()(sqlite3* db) const noexcept;
        void operator()(sqlite3_stmt* s) const noexcept;
    };
    void bind(sqlite3_stmt* s, int parameter, const Value& value) const;

    std::string start_;
    bool utf16_;
    std::unique_ptr<sqlite3, Close> handle_;
    std::unordered_map<std::string, std::unique_ptr<sqlite3_stmt, Close>> compiled_;
};

}  // namespace kvctl::fuzz
