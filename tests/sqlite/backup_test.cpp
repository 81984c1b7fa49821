#include <doctest/doctest.h>

#include "kvctl/sqlite/database.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;

// Two steps of it, and the other's lock between them.
TEST_CASE("sqlite backup: where the source cannot be read, the source is named") {
    const test::TempDir dir;
    const std::string path = dir.file("source.db");
    sqlite::Database source = sqlite::Database::open(path, sqlite::Database::Mode::create);
    source.exec("CREATE TABLE t (x)");
    source.exec("INSERT INTO t VALUES (zeroblob(6000000))");
    sqlite::Database other = sqlite::Database::open(path, sqlite::Database::Mode::write);
    sqlite::Database copy = sqlite::Database::open(dir.file("copy.db"), sqlite::Database::Mode::create);
    test::check_error(ErrorKind::busy, path, [&] {
        source.copy_to(copy, [&](std::uint64_t, std::uint64_t) {
            if (!other.in_transaction()) other.exec("BEGIN EXCLUSIVE");
        });
    });
    other.exec("ROLLBACK");
    source.copy_to(copy, {});
    CHECK(copy.integer("SELECT length(x) FROM t") == 6000000);
}

TEST_CASE("sqlite backup: where the copy cannot be written, the copy is named") {
    const test::TempDir dir;
    sqlite::Database source = sqlite::Database::open(dir.file("source.db"), sqlite::Database::Mode::create);
    source.exec("CREATE TABLE t (x)");
    source.exec("INSERT INTO t VALUES (zeroblob(100000))");
    const std::string path = dir.file("copy.db");
    sqlite::Database copy = sqlite::Database::open(path, sqlite::Database::Mode::create);
    // As on a full disk.
    copy.exec("PRAGMA max_page_count = 5");
    test::check_error(ErrorKind::io, path, [&] { source.copy_to(copy, {}); });
}
