#include <doctest/doctest.h>
#include <sqlite3.h>

#include <string>
#include <vector>

#include "kvctl/sqlite/database.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using test::run_cli;
using test::TempDir;

namespace {

// As an attacker would: with SQLite's library and no protection.
void attack(const std::string& path, const std::string& sql) {
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1, nullptr);
    char* error = nullptr;
    sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error);
    CAPTURE(sql);
    CAPTURE((error == nullptr ? "" : error));
    CHECK(error == nullptr);
    sqlite3_free(error);
    sqlite3_close_v2(db);
}

std::int64_t count(const std::string& path, const std::string& sql) {
    sqlite3* db = nullptr;
    sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr);
    sqlite3_stmt* s = nullptr;
    std::int64_t n = -1;
    if (sqlite3_prepare_v2(db, sql.c_str(), -1, &s, nullptr) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close_v2(db);
    return n;
}

std::string make_native(const TempDir& dir) {
    const std::string path = dir.file("store");
    test::make_native(path, test::sample_history().row_list());
    return path;
}

std::string make_kine(const TempDir& dir) {
    const std::string path = dir.file("store");
    test::KineMaker maker;
    for (const char* key : {"/a", "/b", "/a", "/c", "/a"}) maker.put(key, "v");
    test::KineShape shape;
    shape.wal = false;
    maker.write(path, shape);
    return path;
}

const std::vector<std::vector<std::string>> k_readers{{"status"},
                                                      {"check"},
                                                      {"compact", "--dry-run", "--rev", "4"},
                                                      {"du"},
                                                      {"index"},
                                                      {"get", "--prefix", "/"},
                                                      {"explain", "--at", "3"},
                                                      {"history", "/a"},
                                                      {"export"},
                                                      {"vacuum", "--dry-run"}};

void expect_readers(const std::string& path, int code, const std::string& words) {
    for (std::vector<std::string> args : k_readers) {
        args.push_back(path);
        const test::Result r = run_cli(args);
        CAPTURE(args.front());
        CAPTURE(r.err);
        CHECK((r.code == code || (code == 0 && r.code == 3 && args.front() == "check")));
        CHECK(r.err.find(words) != std::string::npos);
    }
}

// Each way to execute, on a fresh copy; the copy is looked at by `look`.
template <class Look>
void each_execution(const std::string& path, Look look) {
    const std::string bytes = test::read_file(path);
    for (const std::vector<std::string>& how : {std::vector<std::string>{"--strategy", "in-place"},
                                                {"--strategy", "rewrite"},
                                                {"--batch", "2"},
                                                {"--vacuum"},
                                                {"-o", path + ".new"}}) {
        test::write_file(path, bytes);
        std::vector<std::string> args{"compact", "--rev", "4"};
        args.insert(args.end(), how.begin(), how.end());
        args.push_back(path);
        const test::Result r = run_cli(args);
        CAPTURE(how.front());
        CAPTURE(how.back());
        CAPTURE(r.err);
        look(r, how.front() == "-o" ? path + ".new" : path, test::read_file(path) == bytes);
        std::filesystem::remove(path + ".new");
    }
    test::write_file(path, bytes);
}

}  // namespace

TEST_CASE("hostile schema: triggers on any table stay silent, and one on the revisions is refused by name") {
    TempDir dir;
    const std::string path = make_native(dir);
    attack(path,
           "CREATE TABLE ran (x);"
           "CREATE TRIGGER t1 AFTER INSERT ON meta BEGIN INSERT INTO ran VALUES (1); END;"
           "CREATE TRIGGER t2 AFTER UPDATE ON meta BEGIN INSERT INTO ran VALUES (1); END;"
           "CREATE TRIGGER t3 AFTER DELETE ON meta BEGIN INSERT INTO ran VALUES (1); END;");
    each_execution(path, [](const test::Result& r, const std::string& result, bool) {
        CHECK(r.code == 0);
        CHECK(count(result, "SELECT count(*) FROM ran") == 0);
        CHECK(count(result, "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'") == 3);
    });
    attack(path, "CREATE TRIGGER t4 BEFORE DELETE ON revision BEGIN INSERT INTO ran VALUES (1); END");
    const test::Result r = run_cli({"compact", "--rev", "4", path});
    CHECK(r.code == 4);
    CHECK(r.err.find("has the trigger 't4'") != std::string::npos);
    CHECK(count(path, "SELECT count(*) FROM ran") == 0);
}

TEST_CASE("hostile schema: what stands behind the statement that made a table or an index never runs") {
    for (const char* name : {"victim", "by_lease"}) {
        TempDir dir;
        const std::string path = make_native(dir);
        attack(path, std::string("CREATE TABLE victim (x); INSERT INTO victim VALUES (7);"
                                 "CREATE INDEX by_lease ON revision (lease); PRAGMA writable_schema = ON;"
                                 "UPDATE sqlite_schema SET sql = sql || '; DELETE FROM victim; ATTACH ''") +
                         dir.file("loot") + "'' AS l; CREATE TABLE l.x (y)' WHERE name = '" + name + "'");
        CHECK(run_cli({"status", path}).code == 0);
        bool refused = false;
        each_execution(path, [&](const test::Result& r, const std::string& result, bool unchanged) {
            CHECK((r.code == 0 || r.code == 4));
            CHECK((r.code == 0 || unchanged));
            refused = refused || r.code == 4;
            if (r.code == 4)
                CHECK(r.err.find("its schema holds more than the statement") != std::string::npos);
            if (r.code == 0) CHECK(count(result, "SELECT x FROM victim") == 7);
            CHECK_FALSE(std::filesystem::exists(dir.file("loot")));
        });
        CHECK(refused);
    }
}

TEST_CASE("hostile schema: a virtual table dressed up as an ordinary one is not made") {
    TempDir dir;
    const std::string path = make_native(dir);
    attack(
        path,
        "CREATE TABLE victim (x); PRAGMA writable_schema = ON;"
        "UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE victim USING fts5(x)' WHERE name = 'victim'");
    each_execution(path, [&](const test::Result& r, const std::string& result, bool unchanged) {
        CHECK((r.code == 0 || r.code == 4 || r.code == 6));
        // The compaction itself may be done when giving back the space is refused.
        if (unchanged) CHECK(r.code != 0);
        CHECK(count(result, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'victim\\_%' ESCAPE '\\'") <=
              0);
    });
}

TEST_CASE("hostile schema: views and virtual tables are no store, whatever their names") {
    TempDir dir;
    const std::string path = make_native(dir);
    SUBCASE("a view in the place of the revisions") {
        attack(path, "ALTER TABLE revision RENAME TO r; CREATE VIEW revision AS SELECT * FROM r");
    }
    SUBCASE("a view in the place of meta") {
        attack(path, "DROP TABLE meta; CREATE VIEW meta AS SELECT 'term' AS name, 5 AS value");
    }
    SUBCASE("a virtual table in the place of the revisions") {
        attack(path,
               "DROP TABLE revision; CREATE VIRTUAL TABLE revision USING fts5(main, sub, tombstone, key,"
               " create_revision, version, lease, value)");
    }
    expect_readers(path, 6, "neither a native nor a kine store");
}

TEST_CASE("hostile schema: a table that plays the list of tables cannot make a view a table") {
    TempDir dir;
    const std::string path = make_native(dir);
    attack(path,
           "CREATE TABLE pragma_table_list (schema, name, type, wr); INSERT INTO pragma_table_list VALUES"
           " ('main', 'revision', 'table', 0), ('main', 'meta', 'table', 0);"
           "ALTER TABLE revision RENAME TO r; CREATE VIEW revision AS SELECT * FROM r");
    for (std::vector<std::string> args : k_readers) {
        args.push_back(path);
        const test::Result r = run_cli(args);
        CAPTURE(args.front());
        CAPTURE(r.err);
        CHECK((r.code == 4 || r.code == 6));
    }
}

TEST_CASE("hostile schema: tables named as SQLite's tables of pragmas hide nothing") {
    TempDir dir;
    std::string path;
    SUBCASE("native") {
        path = make_native(dir);
    }
    SUBCASE("kine") {
        path = make_kine(dir);
    }
    for (const char* name : {"table_list", "table_xinfo", "index_list", "index_info"}) {
        attack(path, std::string("CREATE TABLE pragma_") + name + " (name, hidden); INSERT INTO pragma_" +
                         name + " VALUES ('revision', 0)");
    }
    expect_readers(path, 0, "");
    each_execution(path, [&](const test::Result& r, const std::string& result, bool) {
        CHECK(r.code == 0);
        CHECK(count(result, "SELECT count(*) FROM pragma_index_info") == 1);
    });
}

TEST_CASE("hostile schema: generated columns in the place of a layout's own are not computed") {
    SUBCASE("native, value") {
        TempDir dir;
        const std::string path = make_native(dir);
        attack(path,
               "ALTER TABLE revision DROP COLUMN value; ALTER TABLE revision ADD COLUMN value AS "
               "(zeroblob(900000000))");
        expect_readers(path, 6, "is generated");
    }
    SUBCASE("native, a counter") {
        TempDir dir;
        const std::string path = make_native(dir);
        attack(path, "DROP TABLE meta; CREATE TABLE meta (name TEXT, value AS (length(name)))");
        expect_readers(path, 6, "is generated");
    }
    SUBCASE("native, the raft log") {
        TempDir dir;
        const std::string path = make_native(dir);
        attack(
            path,
            "CREATE TABLE raft_entry (idx INTEGER PRIMARY KEY, term, type, data AS (zeroblob(900000000)))");
        const test::Result r = run_cli({"raft", path});
        CHECK(r.code == 6);
        CHECK(r.err.find("generated column") != std::string::npos);
    }
    SUBCASE("kine, old_value") {
        TempDir dir;
        const std::string path = make_kine(dir);
        attack(
            path,
            "ALTER TABLE kine DROP COLUMN old_value; ALTER TABLE kine ADD COLUMN old_value AS (hex(name))");
        expect_readers(path, 6, "is generated");
    }
}

TEST_CASE(
    "hostile schema: a generated column of one's own is never computed, and no execution goes over it") {
    TempDir dir;
    const std::string path = make_native(dir);
    attack(path, "ALTER TABLE revision ADD COLUMN extra AS (zeroblob(999999999))");
    expect_readers(path, 0, "");
    const test::Result r = run_cli({"compact", "--rev", "4", path});
    CHECK(r.code == 4);
    CHECK(r.err.find("has the column 'extra'") != std::string::npos);
}

TEST_CASE("hostile schema: a column that hides the rowid hides no rows") {
    TempDir dir;
    const std::string path = make_native(dir);
    attack(path, "ALTER TABLE revision ADD COLUMN RowId INTEGER DEFAULT 5");
    expect_readers(path, 6, "hides SQLite's own");
}

TEST_CASE("hostile schema: CHECK constraints of what is read or copied are not evaluated") {
    TempDir dir;
    const std::string path = make_native(dir);
    // True of no row, and dear.
    attack(path,
           "PRAGMA ignore_check_constraints = ON;"
           "ALTER TABLE lease ADD COLUMN x INT DEFAULT 1 CHECK (length(randomblob(999999999)) < 0);"
           "INSERT INTO lease VALUES (1, 60, 1)");
    each_execution(path, [](const test::Result& r, const std::string& result, bool) {
        CHECK(r.code == 0);
        CHECK(count(result, "SELECT count(*) FROM lease") == 1);
    });
}

TEST_CASE("hostile schema: an index that calls what may not run, or does not exist, stops an execution") {
    const char* expressions[] = {"load_extension(key)", "nope(key)", "key COLLATE nowhere",
                                 "fts3_tokenizer(key)", "random()"};
    for (const char* const expression : expressions) {
        for (const bool kine : {false, true}) {
            TempDir dir;
            const std::string path = kine ? make_kine(dir) : make_native(dir);
            const std::string table = kine ? "kine" : "revision";
            std::string text(expression);
            if (kine && text.find("key") != std::string::npos) text.replace(text.find("key"), 3, "name");
            attack(path, "CREATE INDEX evil ON " + table +
                             " (lease); PRAGMA writable_schema = ON;"
                             "UPDATE sqlite_schema SET sql = 'CREATE INDEX evil ON " +
                             table + " (" + text + ")' WHERE name = 'evil'");
            const std::int64_t rows = count(path, "SELECT count(*) FROM " + table);
            for (std::vector<std::string> args : k_readers) {
                args.push_back(path);
                const test::Result r = run_cli(args);
                CAPTURE(text);
                CAPTURE(args.front());
                CAPTURE(r.err);
                CHECK((r.code == 0 || r.code == 3 || r.code == 4 || r.code == 6));
            }
            each_execution(path, [&](const test::Result& r, const std::string&, bool unchanged) {
                CHECK((r.code == 4 || r.code == 6));
                // Batches begin by noting what they are for.
                CHECK((unchanged || count(path, "SELECT count(*) FROM " + table) == rows));
                CHECK(r.err.find(path) != std::string::npos);
            });
        }
    }
}

TEST_CASE("hostile schema: SQLite is opened with its guards up") {
    TempDir dir;
    const std::string path = make_native(dir);
    attack(path, "CREATE VIEW v AS SELECT 1 AS x; CREATE VIRTUAL TABLE f USING fts5(a)");
    for (const auto mode :
         {sqlite::Database::Mode::read, sqlite::Database::Mode::lockless, sqlite::Database::Mode::write}) {
        const sqlite::Database db = sqlite::Database::open(path, mode);
        CHECK(db.integer("PRAGMA trusted_schema") == 0);
        CHECK(db.integer("PRAGMA cell_size_check") == 1);
        CHECK(db.integer("PRAGMA ignore_check_constraints") ==
              (mode == sqlite::Database::Mode::write ? 0 : 1));
        CHECK(db.integer("PRAGMA foreign_keys") == 0);
        for (const char* const sql : {"SELECT x FROM v", "SELECT * FROM f", "SELECT load_extension('x')",
                                      "SELECT * FROM json_each('[]')"}) {
            test::check_error(ErrorKind::refused, path, [&] { (void)db.text(sql); });
        }
        test::check_error(ErrorKind::damaged, "too big",
                          [&] { (void)db.text("SELECT hex(zeroblob(300000000))"); });
        int on = 1;
        sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_DEFENSIVE, -1, &on);
        CHECK(on == 1);
        sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_ENABLE_TRIGGER, -1, &on);
        CHECK(on == 0);
        CHECK(sqlite3_limit(db.handle(), SQLITE_LIMIT_ATTACHED, -1) <= 2);
    }
}
