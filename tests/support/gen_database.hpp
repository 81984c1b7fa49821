#pragma once
#include <sqlite3.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace kvctl::gen {

/// A new SQLite file that is filled once, as fast as SQLite can: no journal, no syncing. A run that dies
/// leaves rubbish. Throws std::runtime_error with SQLite's words when anything fails.
///
/// The generator talks to SQLite itself instead of through the library under test, so that a fault there
/// cannot hide.
class NewDatabase {
  public:
    /// Creates `path`, which must not exist.
    NewDatabase(const std::string& path, std::uint64_t page_size);

    void run(const std::string& sql);

  private:
    friend class Insert;
    struct Close {
        void operator()(sqlite3* db) const noexcept { sqlite3_close(db); }
    };
    std::unique_ptr<sqlite3, Close> db_;
};

/// One prepared INSERT, run once a row.
class Insert {
  public:
    Insert(NewDatabase& db, const std::string& sql);

    void integer(int column, std::int64_t value);
    /// Bytes must stay valid until row() returns.
    void blob(int column, std::string_view bytes);
    void text(int column, std::string_view bytes);
    void null(int column);
    /// Binds integers to the columns from 1 on.
    void integers(std::initializer_list<std::int64_t> values);
    /// Inserts the bound row. Bindings stay as they are.
    void row();

  private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
    };
    void check(int code) const;

    sqlite3* db_;
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

}  // namespace kvctl::gen
