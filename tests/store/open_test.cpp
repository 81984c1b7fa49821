#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/sqlite/database.hpp"
#include "kvctl/store/open.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_binary.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;

namespace {

// Every file of a folder with its bytes.
std::map<std::string, std::string> files_of(const TempDir& folder) {
    std::map<std::string, std::string> files;
    for (const std::string& name : folder.names()) files[name] = read_file(folder.path() / name);
    return files;
}

std::vector<naive::Row> rows_of(int count) {
    naive::Store s(naive::k_classic);
    for (int i = 0; i < count; ++i) {
        s.put("k" + std::to_string(i % 5), "v" + std::to_string(i));
        s.end();
    }
    return s.row_list();
}

// A store as a killed server leaves it: the newest rows only in the -wal. `left` names the file.
void make_killed(const std::string& left) {
    const TempDir scratch{fast_folder()};
    const std::string db = scratch.file("live.db");
    make_native(db, rows_of(20), {.wal = true});
    sqlite::Database open = sqlite::Database::open(db, sqlite::Database::Mode::write);
    open.exec("PRAGMA wal_autocheckpoint = 0");
    open.exec("INSERT INTO revision VALUES (22, 0, 0, x'6b30', 2, 5, 0, x'7631')");
    open.exec("INSERT INTO revision VALUES (23, 0, 1, x'6b31', 0, 0, 0, NULL)");
    std::filesystem::copy_file(db, left);
    std::filesystem::copy_file(db + "-wal", left + "-wal");
}

const std::vector<std::vector<std::string>> k_readers{{"compact", "--rev", "15", "-n"},
                                                      {"compact", "--rev", "15", "-n", "--list", "--json"},
                                                      {"compact", "--target-size", "1M", "-n"},
                                                      {"index"},
                                                      {"hash"},
                                                      {"status"},
                                                      {"vacuum", "-n"},
                                                      {"compact"}};

}  // namespace

TEST_CASE("open: reading changes no byte and leaves nothing beside the file") {
    struct Case {
        std::string name;
        void (*make)(const std::string&);
    };
    const std::vector<Case> cases{
        {"rollback journal", [](const std::string& p) { make_native(p, rows_of(20)); }},
        {"WAL", [](const std::string& p) { make_native(p, rows_of(20), {.wal = true}); }},
        {"WAL with a leftover -wal", make_killed},
        {"WAL with a stale -shm",
         [](const std::string& p) {
             make_killed(p);
             write_file(p + "-shm", std::string(32768, '\x01'));
         }},
        {"WAL with an empty -wal",
         [](const std::string& p) {
             make_native(p, rows_of(20), {.wal = true});
             write_file(p + "-wal", "");
         }},
    };
    for (const Case& c : cases) {
        for (const auto& reader : k_readers) {
            const TempDir folder{fast_folder()};
            c.make(folder.file("s.db"));
            const auto before = files_of(folder);
            std::vector<std::string> args = reader;
            args.push_back(folder.file("s.db"));
            CAPTURE(c.name);
            CAPTURE(reader.front());
            const Result r = run_cli(args);
            const bool no_target = reader.size() == 1 && reader.front() == "compact";
            CHECK_MESSAGE(r.code == (no_target ? 2 : 0), r.err);
            CHECK(files_of(folder) == before);
        }
    }
}

TEST_CASE("open: what stands only in a leftover -wal is seen, and compacted") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_killed(db);
    const auto store = store::open_store(db, {});
    CHECK(store->head().current == MainRevision(23));
    Findings findings;
    CHECK(store->load(mvcc::classic_rules(), findings, nullptr).total().revisions == 22);
    for (const char* way : {"in-place", "rewrite"}) {
        const TempDir other;
        const std::string copy = other.file("s.db");
        std::filesystem::copy_file(db, copy);
        std::filesystem::copy_file(db + "-wal", copy + "-wal");
        const Result r = run_cli({"compact", "--rev", "23", "--strategy", way, copy});
        REQUIRE_MESSAGE(r.code == 0, r.err);
        CHECK(native_meta(copy, "finished_compact_rev") == 23);
        CHECK(native_rows(copy).size() == 4);
        CHECK(other.names() == std::vector<std::string>{"s.db"});
    }
}

TEST_CASE("open: a read-only folder is read by an ordinary user") {
    if (::geteuid() != 0) {
        MESSAGE("skipped: needs root to become somebody else");
        return;
    }
    for (const bool killed : {true, false}) {
        const TempDir folder;
        const std::string db = folder.file("s.db");
        if (killed) {
            make_killed(db);
        } else {
            make_native(db, rows_of(20), {.wal = true});
        }
        ::chmod(db.c_str(), 0444);
        if (killed) ::chmod((db + "-wal").c_str(), 0444);
        ::chmod(folder.path().c_str(), 0555);
        const auto before = files_of(folder);
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(90);
            const Result dry = run_cli({"compact", "--rev", "15", "-n", db});
            if (dry.code != 0) ::_exit(91);
            const Result hash = run_cli({"hash", db});
            if (hash.code != 0) ::_exit(92);
            const Result real = run_cli({"compact", "--rev", "15", "--timeout", "0", db});
            ::_exit(real.code == 7 ? 0 : 93);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        CAPTURE(killed);
        REQUIRE(WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == 0);
        CHECK(files_of(folder) == before);
    }
}

TEST_CASE("open: what is no store says which kind of none it is") {
    struct Case {
        std::string name;
        void (*make)(const std::string&);
        int code;
        std::string kind;
        std::string says;
    };
    const std::vector<Case> cases{
        {"missing", [](const std::string&) {}, 7, "io", "No such file"},
        {"empty", [](const std::string& p) { write_file(p, ""); }, 6, "not-a-store", "empty"},
        {"text", [](const std::string& p) { write_file(p, std::string(5000, 'x')); }, 6, "not-a-store",
         "not an SQLite"},
        {"short text", [](const std::string& p) { write_file(p, "hello"); }, 6, "not-a-store",
         "not an SQLite"},
        {"a header cut short", [](const std::string& p) { write_file(p, "SQLite format 3"); }, 6, "damaged",
         "truncated"},
        {"cut in the middle",
         [](const std::string& p) {
             make_native(p, rows_of(400));
             std::filesystem::resize_file(p, 8192);
         },
         6, "damaged", "truncated"},
        {"cut in the middle, WAL mode",
         [](const std::string& p) {
             make_native(p, rows_of(400), {.wal = true});
             std::filesystem::resize_file(p, 8192);
         },
         6, "damaged", "truncated"},
        {"a page overwritten",
         [](const std::string& p) {
             make_native(p, rows_of(900));
             std::string bytes = read_file(p);
             for (std::size_t at = 4096; at + 4096 <= bytes.size(); at += 4096)
                 bytes.replace(at, 64, std::string(64, '\xA5'));
             write_file(p, bytes);
         },
         6, "damaged", "malformed"},
        {"a page size that is none",
         [](const std::string& p) {
             make_native(p, rows_of(10));
             std::string bytes = read_file(p);
             bytes[16] = 0x03;
             write_file(p, bytes);
         },
         6, "damaged", "page size"},
        {"another program's tables", [](const std::string& p) { run_sql(p, "CREATE TABLE t (a)"); }, 6,
         "not-a-store", "neither a native nor a kine"},
        {"no tables", [](const std::string& p) { run_sql(p, "VACUUM"); }, 6, "not-a-store", ""},
        {"another program's number",
         [](const std::string& p) { make_native(p, rows_of(3), {.after = "PRAGMA application_id = 99"}); }, 6,
         "not-a-store", "99"},
        {"a newer layout",
         [](const std::string& p) { make_native(p, rows_of(3), {.after = "PRAGMA user_version = 2"}); }, 4,
         "refused", "version 2"},
        {"a column less",
         [](const std::string& p) {
             make_native(p, rows_of(3), {.after = "ALTER TABLE revision DROP COLUMN lease"});
         },
         6, "not-a-store", ""},
        {"both layouts",
         [](const std::string& p) {
             KineMaker().write(p, {.wal = false});
             make_native(p, rows_of(3));
         },
         6, "not-a-store", "--layout"},
        {"a view for a table",
         [](const std::string& p) {
             make_native(
                 p, rows_of(3),
                 {.after =
                      "ALTER TABLE revision RENAME TO other; CREATE VIEW revision AS SELECT * FROM other"});
         },
         6, "not-a-store", ""},
        {"a folder", [](const std::string& p) { std::filesystem::create_directory(p); }, 6, "not-a-store",
         "directory"},
        {"a pipe", [](const std::string& p) { REQUIRE(::mkfifo(p.c_str(), 0600) == 0); }, 6, "not-a-store",
         "regular"},
        {"a dangling link", [](const std::string& p) { std::filesystem::create_symlink("nowhere", p); }, 7,
         "io", ""},
        {"a meta value that is no number",
         [](const std::string& p) {
             make_native(p, rows_of(3), {.after = "INSERT INTO meta VALUES ('finished_compact_rev', 'x')"});
         },
         6, "damaged", "finished_compact_rev"},
    };
    for (const Case& c : cases) {
        const TempDir folder;
        const std::string db = folder.file("s.db");
        c.make(db);
        CAPTURE(c.name);
        const bool regular = std::filesystem::is_regular_file(db);
        const std::string bytes = regular ? read_file(db) : "";
        const auto names = folder.names();
        for (const std::vector<std::string>& args :
             std::vector<std::vector<std::string>>{{"compact", "--rev", "2", "-n", "-w", "json", db},
                                                   {"compact", "--rev", "2", "-w", "json", db}}) {
            const Result r = run_cli(args);
            CHECK_MESSAGE(r.code == c.code, r.err);
            CHECK(r.out.empty());
            CHECK_MESSAGE(r.err.find("\"kind\":\"" + c.kind + "\"") != std::string::npos, r.err);
            CHECK_MESSAGE(r.err.find(c.says) != std::string::npos, r.err);
            CHECK_MESSAGE(r.err.find("s.db") != std::string::npos, r.err);
            if (regular) CHECK(read_file(db) == bytes);
            CHECK(folder.names() == names);
        }
    }
}

TEST_CASE("open: a file of both layouts is the one that is asked for") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    KineMaker().write(db, {.wal = false});
    make_native(db, rows_of(3));
    CHECK(store::open_store(db, {.layout = store::Layout::native})->info().layout == store::Layout::native);
    CHECK(store::open_store(db, {.layout = store::Layout::kine})->info().layout == store::Layout::kine);
}

TEST_CASE("open: rows of the wrong type are refused where the compaction would touch them, not above") {
    struct Case {
        std::string name;
        std::string sql;  // damages row 6
        std::string says;
        bool wal = false;
    };
    const std::vector<Case> cases{
        {"a key that is text", "UPDATE revision SET key = 'k' WHERE main = 6", "key is not a blob"},
        {"a key that is a number", "UPDATE revision SET key = 5 WHERE main = 6", "key is not a blob"},
        {"a value that is text", "UPDATE revision SET value = 'v' WHERE main = 6", "value is not a blob"},
        {"a value that is a number", "UPDATE revision SET value = 7 WHERE main = 6", "value is not a blob"},
        {"a version that is text", "UPDATE revision SET version = 'x' WHERE main = 6",
         "must hold an integer"},
        {"a lease that is a fraction", "UPDATE revision SET lease = 1.5 WHERE main = 6",
         "must hold an integer"},
        {"a tombstone flag of 2", "UPDATE revision SET tombstone = 2, value = NULL WHERE main = 6",
         "neither 0 nor 1"},
        {"a tombstone with a value", "UPDATE revision SET tombstone = 1 WHERE main = 6",
         "tombstone with a value"},
        {"a sub that is text", "UPDATE revision SET sub = 'x' WHERE main = 6", "not an integer"},
        {"a negative sub", "UPDATE revision SET sub = -1 WHERE main = 6", "negative"},
        {"a version that does not follow", "UPDATE revision SET version = 9 WHERE main = 12",
         "does not follow"},
    };
    for (const Case& c : cases) {
        const TempDir folder{fast_folder()};
        const std::string db = folder.file("s.db");
        make_native(db, rows_of(20), {.after = c.sql});
        const std::string bytes = read_file(db);
        CAPTURE(c.name);
        CHECK(run_cli({"compact", "--rev", "15", "-n", db}).code == 0);
        const Result r = run_cli({"compact", "--rev", "15", "-w", "json", db});
        CHECK_MESSAGE(r.code == 6, r.err);
        CHECK_MESSAGE(r.err.find("\"kind\":\"damaged\"") != std::string::npos, r.err);
        CHECK_MESSAGE(r.err.find(c.says) != std::string::npos, r.err);
        CHECK(read_file(db) == bytes);
        if (c.name == "a sub that is text") continue;  // it has no place in the order: any run might touch it
        const Result below = run_cli({"compact", "--rev", "4", db});
        CHECK_MESSAGE(below.code == 0, below.err);
        CHECK(native_meta(db, "finished_compact_rev") == 4);
    }
}
