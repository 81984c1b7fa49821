#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

// What a compaction must leave alone: the file's settings, everything of the user's in it, owner and mode.
using namespace kvctl::test;

namespace {

std::vector<naive::Row> some_history() {
    naive::Store s(naive::k_classic);
    for (int i = 0; i < 60; ++i) {
        s.put("app/" + std::to_string(i % 7), std::string(static_cast<std::size_t>(i * 13 % 97), 'v'));
        if (i % 5 == 4) s.remove("app/" + std::to_string((i * 3) % 7));
        s.end();
    }
    return s.row_list();
}

struct Way {
    std::string name;
    std::vector<std::string> options;
};

const std::vector<Way>& ways() {
    static const std::vector<Way> all{{"in place", {"--strategy", "in-place"}},
                                      {"in place and shrunk", {"--strategy", "in-place", "--vacuum"}},
                                      {"rewrite", {"--strategy", "rewrite"}},
                                      {"batch", {"--batch", "4"}}};
    return all;
}

// Everything that is not a revision, a counter or a page number.
std::vector<std::string> surroundings(const std::string& path) {
    std::vector<std::string> all =
        query(path, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name");
    for (const char* pragma :
         {"page_size", "encoding", "auto_vacuum", "application_id", "user_version", "journal_mode"}) {
        for (const std::string& v : query(path, std::string("PRAGMA ") + pragma))
            all.push_back(std::string(pragma) + v);
    }
    for (const char* table : {"notes", "sqlite_sequence", "sqlite_stat1", "lease"}) {
        if (query_one(path, "SELECT count(*) FROM sqlite_schema WHERE name = '" + std::string(table) + "'") ==
            "0")
            continue;
        for (const std::string& v : query(path, std::string("SELECT * FROM ") + table + " ORDER BY 1, 2"))
            all.push_back(v);
    }
    return all;
}

constexpr const char* k_users_things =
    "CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT UNIQUE, at REAL, twice INTEGER "
    "GENERATED"
    " ALWAYS AS (id * 2) STORED);"
    "INSERT INTO notes (text, at) VALUES ('one', 1.5), ('two', NULL), (x'00ff', 3);"
    "DELETE FROM notes WHERE text = 'two';"
    "CREATE TABLE plain (k TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO plain VALUES ('a', 1);"
    "CREATE INDEX notes_by_at ON notes (at DESC) WHERE at IS NOT NULL;"
    "CREATE INDEX notes_by_length ON notes (length(text));"
    "CREATE VIEW recent AS SELECT * FROM notes WHERE at > 1;"
    "CREATE TRIGGER notes_guard BEFORE UPDATE ON notes BEGIN SELECT raise(ABORT, 'no'); END;"
    "INSERT INTO lease VALUES (7, 60), (-5, 1); ANALYZE;";

}  // namespace

TEST_CASE("settings: of the file and of everything else in it, kept by every way of executing") {
    struct Case {
        std::string name;
        NativeShape shape;
    };
    const std::vector<Case> cases{
        {"as usual", {}},
        {"WAL", {.wal = true}},
        {"rows in no order", {.shuffled = true, .key_index = true}},
        {"pages of 512 bytes", {.page_size = 512}},
        {"pages of 64 KiB in WAL mode", {.wal = true, .page_size = 65536}},
        {"UTF-16", {.before = "PRAGMA encoding = 'UTF-16le'"}},
        {"full auto_vacuum", {.before = "PRAGMA auto_vacuum = FULL"}},
        {"incremental auto_vacuum in WAL mode", {.wal = true, .before = "PRAGMA auto_vacuum = INCREMENTAL"}},
        {"without application_id", {.after = "PRAGMA application_id = 0; PRAGMA user_version = 0"}},
        {"the user's tables, indexes, views and triggers", {.after = k_users_things}},
        {"the same in WAL mode and UTF-16",
         {.wal = true, .before = "PRAGMA encoding = 'UTF-16be'", .after = k_users_things}},
        {"the user's index on the revisions",
         {.after = "CREATE INDEX by_lease ON revision (lease, version) WHERE lease <> 0;"
                   "CREATE UNIQUE INDEX by_all ON revision (key, main, sub)"}},
        {"a column with a default", {.after = "ALTER TABLE revision ADD COLUMN origin TEXT DEFAULT 'x'"}},
    };
    const std::vector<naive::Row> rows = some_history();
    const TempDir folder{fast_folder()};
    for (const Case& c : cases) {
        for (const Way& way : ways()) {
            CAPTURE(c.name);
            CAPTURE(way.name);
            const std::string db = folder.file("s.db");
            std::filesystem::remove(db);
            make_native(db, rows, c.shape);
            ::chmod(db.c_str(), 0640);
            const std::vector<std::string> before = surroundings(db);
            std::vector<std::string> args{"compact", "--rev", "50"};
            args.insert(args.end(), way.options.begin(), way.options.end());
            args.push_back(db);
            const Result r = run_cli(args);
            REQUIRE_MESSAGE(r.code == 0, r.err);
            CHECK(surroundings(db) == before);
            CHECK(query(db, "PRAGMA integrity_check") == std::vector<std::string>{"'ok'"});
            naive::Store model = naive::Store::reopened(naive::k_classic, rows, -1);
            model.compact(50);
            const std::vector<naive::Row> left = native_rows(db);
            const std::vector<naive::Row> expected = model.row_list();
            REQUIRE(left.size() == expected.size());
            for (std::size_t i = 0; i < left.size(); ++i) {
                CHECK(left[i].revision == expected[i].revision);
                CHECK(left[i].key == expected[i].key);
                CHECK(left[i].value == expected[i].value);
                CHECK(left[i].version == expected[i].version);
                CHECK(left[i].create_revision == expected[i].create_revision);
            }
            CHECK(native_meta(db, "finished_compact_rev") == 50);
            CHECK(native_meta(db, "scheduled_compact_rev") == 50);
            struct stat st {};
            REQUIRE(::stat(db.c_str(), &st) == 0);
            CHECK((st.st_mode & 07777) == 0640);
            CHECK(folder.names() == std::vector<std::string>{"s.db"});
        }
    }
}

TEST_CASE("settings: owner and group are kept where this user may set them") {
    if (::geteuid() != 0) {
        MESSAGE("skipped: only root gives files away");
        return;
    }
    const TempDir folder;
    for (const Way& way : ways()) {
        CAPTURE(way.name);
        const std::string db = folder.file("s.db");
        std::filesystem::remove(db);
        make_native(db, some_history());
        REQUIRE(::chown(db.c_str(), 65534, 65533) == 0);
        ::chmod(db.c_str(), 0604);
        std::vector<std::string> args{"compact", "--rev", "50", db};
        args.insert(args.end(), way.options.begin(), way.options.end());
        REQUIRE(run_cli(args).code == 0);
        struct stat st {};
        REQUIRE(::stat(db.c_str(), &st) == 0);
        CHECK(st.st_uid == 65534);
        CHECK(st.st_gid == 65533);
        CHECK((st.st_mode & 07777) == 0604);
    }
}

TEST_CASE("settings: a symbolic link stays one, its target is compacted") {
    const TempDir folder;
    std::filesystem::create_directory(folder.path() / "data");
    const std::string db = folder.file("data/s.db");
    const std::string link = folder.file("link.db");
    for (const Way& way : ways()) {
        std::filesystem::remove(db);
        std::filesystem::remove(link);
        make_native(db, some_history(), {.wal = true});
        std::filesystem::create_symlink("data/s.db", link);
        std::vector<std::string> args{"compact", "--rev", "50", link};
        args.insert(args.end(), way.options.begin(), way.options.end());
        const Result r = run_cli(args);
        REQUIRE_MESSAGE(r.code == 0, r.err);
        CHECK(std::filesystem::is_symlink(link));
        CHECK(native_meta(db, "finished_compact_rev") == 50);
        CHECK(folder.names() == std::vector<std::string>{"data", "link.db"});
    }
}

TEST_CASE("settings: a file with two names is compacted in place, both names see it") {
    const TempDir folder;
    for (const Way& way : ways()) {
        CAPTURE(way.name);
        const std::string db = folder.file("s.db");
        const std::string other = folder.file("other.db");
        std::filesystem::remove(db);
        std::filesystem::remove(other);
        make_native(db, some_history());
        std::filesystem::create_hard_link(db, other);
        std::vector<std::string> args{"compact", "--rev", "50", db};
        args.insert(args.end(), way.options.begin(), way.options.end());
        const Result r = run_cli(args);
        REQUIRE_MESSAGE(r.code == 0, r.err);
        CHECK(std::filesystem::hard_link_count(db) == 2);
        CHECK(native_meta(other, "finished_compact_rev") == 50);
        CHECK(read_file(db) == read_file(other));
    }
}

TEST_CASE("settings: kine stores with other pages, encodings and a user's index") {
    struct Case {
        std::string name;
        KineShape shape;
    };
    const std::vector<Case> cases{
        {"pages of 8 KiB", {.page_size = 8192}},
        {"pages of 1 KiB, rollback journal", {.wal = false, .page_size = 1024}},
        {"UTF-16", {.before = "PRAGMA encoding = 'UTF-16le'"}},
        {"auto_vacuum", {.before = "PRAGMA auto_vacuum = FULL"}},
        {"user's index and statistics", {.after = "CREATE INDEX mine ON kine (lease, created); ANALYZE"}},
        {"numbers of the user's", {.after = "PRAGMA application_id = 77; PRAGMA user_version = 12"}},
    };
    const TempDir folder{fast_folder()};
    std::uint32_t seed = 900;
    for (const Case& c : cases) {
        for (const Way& way : ways()) {
            CAPTURE(c.name);
            CAPTURE(way.name);
            const KineMaker maker = random_kine(++seed, 60, false);
            const std::string db = folder.file("s.db");
            const std::string copy = folder.file("before.db");
            std::filesystem::remove(db);
            maker.write(db, c.shape);
            std::filesystem::copy_file(db, copy, std::filesystem::copy_options::overwrite_existing);
            std::vector<std::string> args{"compact", "--rev", std::to_string(maker.current()), db};
            args.insert(args.end(), way.options.begin(), way.options.end());
            const Result r = run_cli(args);
            REQUIRE_MESSAGE(r.code == 0, r.err);
            std::string wrong;
            for (const std::string& w : compare_kine(copy, db, maker.current())) wrong += w + "; ";
            CHECK(wrong == "");
            CHECK(surroundings(db) == surroundings(copy));
        }
    }
}
