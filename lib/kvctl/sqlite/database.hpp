#pragma once
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/base/error.hpp"

struct sqlite3;
struct sqlite3_stmt;
struct sqlite3_value;

namespace kvctl::sqlite {

enum class Type { integer, real, text, blob, null };

/// One argument of a function that SQLite calls; valid during the call. Text and blobs come as bytes, NULs
/// included.
class Value {
  public:
    explicit Value(sqlite3_value* value) : value_(value) {}
    [[nodiscard]] Type type() const noexcept;
    [[nodiscard]] std::int64_t integer() const noexcept;
    [[nodiscard]] std::string_view bytes() const noexcept;
    [[nodiscard]] bool null() const noexcept { return type() == Type::null; }

  private:
    sqlite3_value* value_;
};

/// The arguments of one call.
class Values {
  public:
    Values(sqlite3_value** values, std::size_t count) : values_(values), count_(count) {}
    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    [[nodiscard]] Value operator[](std::size_t i) const noexcept { return Value(values_[i]); }

  private:
    sqlite3_value** values_;
    std::size_t count_;
};

/// A prepared statement. Columns count from 0, parameters from 1, as in SQLite. Views returned by bytes()
/// live until the next step() or reset().
class Statement {
  public:
    Statement(Statement&& other) noexcept;
    Statement& operator=(Statement&& other) noexcept;
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;
    ~Statement();

    Statement& bind(int parameter, std::int64_t value);
    Statement& bind_blob(int parameter, std::string_view bytes);
    Statement& bind_text(int parameter, std::string_view text);
    Statement& bind_null(int parameter);

    /// True when there is a row. Throws on every error.
    bool step();
    /// Runs to the end, forgets the rows, and resets.
    void run();
    void reset() noexcept;

    [[nodiscard]] int column_count() const noexcept;
    [[nodiscard]] std::string column_name(int column) const;
    [[nodiscard]] Type type(int column) const noexcept;
    [[nodiscard]] std::int64_t integer(int column) const noexcept;
    [[nodiscard]] std::string_view bytes(int column) const noexcept;
    [[nodiscard]] bool null(int column) const noexcept { return type(column) == Type::null; }

  private:
    friend class Database;
    Statement(sqlite3* db, sqlite3_stmt* handle, const std::string* path)
        : db_(db), handle_(handle), path_(path) {}
    void check(int rc) const;
    sqlite3* db_;
    sqlite3_stmt* handle_;
    const std::string* path_;  // of the database, for messages; it outlives its statements
};

/// The row a statement stands on, with the face of Values: what takes one kind of row takes both.
class Row {
  public:
    class Cell {
      public:
        Cell(const Statement& statement, int column) : statement_(&statement), column_(column) {}
        [[nodiscard]] Type type() const noexcept { return statement_->type(column_); }
        [[nodiscard]] std::int64_t integer() const noexcept { return statement_->integer(column_); }
        [[nodiscard]] std::string_view bytes() const noexcept { return statement_->bytes(column_); }
        [[nodiscard]] bool null() const noexcept { return statement_->null(column_); }

      private:
        const Statement* statement_;
        int column_;
    };

    explicit Row(const Statement& statement) : statement_(&statement) {}
    [[nodiscard]] Cell operator[](std::size_t i) const { return {*statement_, static_cast<int>(i)}; }

  private:
    const Statement* statement_;
};

/// An open SQLite file. Not for sharing between threads.
class Database {
  public:
    enum class Mode {
        read,      ///< read-only with SQLite's locks; in WAL mode the -shm of whoever has it open is used
        lockless,  ///< read-only without locks and without -shm: a -wal is read, never created or truncated.
                   ///< Nothing on disk changes, not even beside the file; the caller makes sure nobody writes
                   ///< meanwhile
        cut,       ///< as lockless, of a file that may end too early: what is missing reads as damaged
        write,     ///< read and write an existing file; may roll back a hot journal
        create,    ///< a new file (an empty one that exists is fine)
    };

    /// Throws io when the file cannot be opened; that it is no database shows at the first read.
    static Database open(const std::string& path, Mode mode);
    Database(Database&& other) noexcept;
    Database& operator=(Database&& other) noexcept;
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    ~Database();

    [[nodiscard]] const std::string& path() const noexcept { return *path_; }
    /// What messages call it from here on: as it was given, or what a file without a name was made from.
    void show_as(const std::string& name) { *path_ = name; }
    /// Closes now and throws what goes wrong; the destructor stays silent.
    void close();

    [[nodiscard]] Statement prepare(std::string_view sql) const;
    void exec(const std::string& sql) const;
    /// Runs a CREATE TABLE or CREATE INDEX that stands in a file's schema. Throws refused when the text is
    /// anything else or goes on behind it: SQLite itself never looks at more than the first statement.
    void run_schema(const std::string& sql) const;
    /// First column of the first row; nullopt: no row, or NULL.
    [[nodiscard]] std::optional<std::int64_t> integer(std::string_view sql) const;
    [[nodiscard]] std::optional<std::string> text(std::string_view sql) const;
    /// Rows changed by the last statement.
    [[nodiscard]] std::int64_t changes() const noexcept;
    [[nodiscard]] bool in_transaction() const noexcept;
    /// How long to wait for a lock, in milliseconds.
    void busy_timeout(int milliseconds) const;
    /// In place of a timeout: called each time a lock turns out to be taken, with the number of tries before;
    /// true: try again.
    void when_busy(std::function<bool(int)> f) const;
    /// Whether a signal that asks the work to stop ends a statement that is running, as it does at first.
    void stop_when_interrupted(bool stops) const;
    /// Ends the statement that runs on this connection, with an `interrupted` Error where it runs. The one
    /// call that is made from another thread.
    void interrupt() const noexcept;

    /// Copies the whole database, as the transaction that is open on this connection sees it, into the empty
    /// `target`. Writers are not held up in WAL mode.
    void copy_to(Database& target,
                 const std::function<void(std::uint64_t pages, std::uint64_t of)>& progress) const;

    /// Leaves so many bytes at the end of each page unused, as whoever made the source of a copy asked for.
    /// Only before the first write to a new file.
    void reserve_bytes(int bytes) const;

    /// Hands every row of `SELECT columns FROM source` to `f` without a row leaving SQLite: `columns` become
    /// arguments of an aggregate function. A third faster than stepping. An exception from `f` ends the scan
    /// and comes out of here.
    void scan(std::string_view columns, std::string_view source,
              std::initializer_list<std::int64_t> parameters,
              const std::function<void(const Values&)>& f) const;

    /// Makes `name(a[, b])` a function of SQL on this connection that returns 1 where `f` says true. An
    /// exception from `f` fails the statement; the next rethrow_function_error() brings it out. Lives as long
    /// as the connection.
    void add_predicate(const std::string& name, int arguments,
                       std::function<bool(std::int64_t, std::int64_t)> f);
    void rethrow_function_error() const;

    [[nodiscard]] sqlite3* handle() const noexcept { return handle_; }

  private:
    struct Functions;
    explicit Database(const std::string& path);
    sqlite3* handle_ = nullptr;
    std::unique_ptr<std::string> path_;
    std::unique_ptr<Functions> functions_;
};

/// BEGIN … COMMIT; rolls back unless committed.
class Transaction {
  public:
    enum class Kind { deferred, immediate, exclusive };
    Transaction(Database& db, Kind kind);
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction();
    void commit();

  private:
    Database* db_;
};

/// `"name"` with quotes doubled, for names that come from a file's schema.
[[nodiscard]] std::string quote_name(std::string_view name);

/// "3.40.1"
[[nodiscard]] std::string library_version();

}  // namespace kvctl::sqlite
