#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "kvctl/base/error.hpp"
#include "kvctl/base/mapped_file.hpp"
#include "kvctl/sqlite/database.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using kvctl::WatchedPages;
using kvctl::sqlite::Database;

TEST_CASE("lockless vfs: pages that SQLite has mapped may be cut off, and that is told") {
    const kvctl::test::TempDir folder;
    const std::string path = folder.file("s.db");
    kvctl::test::run_sql(path,
                         "PRAGMA page_size = 4096; CREATE TABLE t (a);"
                         "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
                         "INSERT INTO t SELECT zeroblob(1000) FROM n");
    (void)WatchedPages::take_lost();
    {
        const Database db = Database::open(path, Database::Mode::lockless);
        db.exec("PRAGMA mmap_size = 1099511627776");
        CHECK(db.text("PRAGMA integrity_check") == "ok");
        CHECK_FALSE(WatchedPages::take_lost());
        std::filesystem::resize_file(path, 131072);
        std::string said;
        try {
            said = db.text("PRAGMA integrity_check").value_or("");
        } catch (const kvctl::Error& e) {
            said = e.what();
        }
        CHECK(said != "ok");
        CHECK(WatchedPages::take_lost() == path);
    }
    // Nothing of it is watched any more.
    const Database again = Database::open(path, Database::Mode::lockless);
    CHECK_FALSE(WatchedPages::take_lost());
}
