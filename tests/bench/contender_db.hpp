#pragma once
#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

namespace kvctl::bench {

/// An existing SQLite file as any program would open it: no tuning but what run() is given. Throws
/// std::runtime_error with SQLite's words.
class Database {
  public:
    Database(const std::string& path, bool writable);

    /// Runs statements, throwing away rows.
    void run(const std::string& sql);

    [[nodiscard]] sqlite3* handle() const noexcept { return db_.get(); }

  private:
    struct Close {
        void operator()(sqlite3* db) const noexcept { sqlite3_close(db); }
    };
    std::unique_ptr<sqlite3, Close> db_;
};

/// A prepared statement whose parameter 1, if it has one, is an integer.
class Statement {
  public:
    Statement(const Database& db, const std::string& sql);

    void bind(std::int64_t value);
    /// False at the end.
    bool step();
    void reset() { sqlite3_reset(statement_.get()); }
    [[nodiscard]] sqlite3_stmt* handle() const noexcept { return statement_.get(); }

  private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
    };
    sqlite3* db_;
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// What a contender did, printed as JSON so that the benchmark can see that both sides did the same work.
struct Work {
    std::int64_t rows = 0;
    std::int64_t bytes = 0;
};

}  // namespace kvctl::bench
