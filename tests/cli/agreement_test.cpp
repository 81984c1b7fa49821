#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cctype>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/real_data.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/wal_writer.hpp"

// What one command says, and another does or says of the same store.

using namespace kvctl::test;
using nlohmann::json;

namespace {

using Args = std::vector<std::string>;

json document(Args args) {
    args.insert(args.end(), {"-w", "json"});
    const Result r = run_cli(args);
    json j = json::parse(r.out, nullptr, false);
    REQUIRE_MESSAGE(!j.is_discarded(), r.err << r.out);
    return j;
}

void copy(const std::string& from, const std::string& to) {
    for (const char* suffix : {"", "-wal"}) {
        std::filesystem::remove(to + suffix);
        if (std::filesystem::exists(from + suffix)) std::filesystem::copy_file(from + suffix, to + suffix);
    }
}

}  // namespace

TEST_CASE("agreement: every command tells of a compaction that was cut short") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list(), {.meta = {{"scheduled_compact_rev", 5}}});
    const std::string words = "a compaction to revision 5 was cut short";
    const std::vector<Args> commands{{"index", db},
                                     {"index", "foo", db},
                                     {"hash", db},
                                     {"du", db},
                                     {"history", "foo", db},
                                     {"explain", "foo", db},
                                     {"compact", "-n", "--rev", "7", db},
                                     {"vacuum", "-n", db},
                                     {"status", db}};
    for (const Args& args : commands) {
        CAPTURE(args.front());
        const bool status = args.front() == "status";
        const Result text = run_cli(args);
        CHECK(text.code == 0);
        CHECK(has(status ? text.out : text.err, words));
        if (status) continue;
        const json warnings = document(args).at("warnings");
        REQUIRE(warnings.size() == 1);
        CHECK(has(warnings[0].get<std::string>(), words));
    }
    CHECK(has(run_cli({"index", "-w", "jsonl", db}).out, words));
    CHECK(has(run_cli({"status", db}).out, "kvctl compact --rev 5 --dry-run " + db));
    CHECK(has(run_cli({"vacuum", db}).err, words));
    // The run that finishes it does not speak of the next one.
    const Result done = run_cli({"compact", "--rev", "7", db});
    CHECK(has(done.err, "this run finishes it first"));
}

TEST_CASE("agreement: index --rev finishes first what was cut short, as a compaction does") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list(), {.meta = {{"scheduled_compact_rev", 5}}});
    const json before = document({"index", "--rev", "4", db}).at("keys");
    REQUIRE(run_cli({"compact", "--rev", "4", db}).code == 0);
    CHECK(document({"index", db}).at("keys") == before);
}

TEST_CASE("agreement: index --rev of a kine store is the index after that compaction") {
    const TempDir folder;
    for (unsigned seed = 1; seed <= 6; ++seed) {
        KineMaker kine = random_kine(seed, 60, seed % 2 == 0);
        if (seed % 3 == 0) {
            kine.put("/last", "x");
            kine.remove("/last");
        }
        std::filesystem::remove(folder.file("kine"));
        kine.write(folder.file("kine"));
        for (std::int64_t at = 1; at <= kine.current(); at += 7) {
            CAPTURE(seed);
            CAPTURE(at);
            copy(folder.file("kine"), folder.file("work"));
            const std::string rev = std::to_string(at == 57 ? kine.current() : at);
            const json before = document({"index", "--rev", rev, folder.file("work")}).at("keys");
            REQUIRE(run_cli({"compact", "--rev", rev, folder.file("work")}).code == 0);
            CHECK(document({"index", folder.file("work")}).at("keys") == before);
        }
    }
}

TEST_CASE("agreement: a dry run sees what keeps the real one in place") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, long_history(400, 10).row_list());
    std::filesystem::create_hard_link(db, folder.file("other"));
    const auto strategy = [&](const Args& more) {
        Args args{"compact", "--rev", "390"};
        args.insert(args.end(), more.begin(), more.end());
        args.push_back(db);
        return document(args);
    };
    CHECK(strategy({"-n", "-o", folder.file("new")}).at("strategy") == "rewrite");
    const json dry = strategy({"-n"});
    const json real = strategy({});
    CHECK(dry.at("strategy") == "in-place");
    CHECK(real.at("strategy") == "in-place");
    CHECK(dry.at("warnings") == real.at("warnings"));
    CHECK(dry.at("size").at("file_after") == real.at("size").at("file_after"));
}

TEST_CASE("agreement: a target size counts what a -wal will bring into the file") {
    const TempDir folder;
    const std::string live = folder.file("live");
    KineMaker kine = random_kine(3, 400, false);
    kine.write(live);
    const auto old_bytes = std::filesystem::file_size(live);
    // A server that was killed leaves a -wal that is larger than its file.
    run_sql(live, "PRAGMA wal_checkpoint(TRUNCATE)");
    const std::string script =
        "import sqlite3,os\n"
        "d = sqlite3.connect('" +
        live +
        "')\n"
        "d.execute('PRAGMA wal_autocheckpoint=0')\n"
        "for i in range(300): d.execute(\"INSERT INTO kine (name, created, deleted, create_revision,"
        " prev_revision, lease, value) VALUES (?, 1, 0, 0, 0, 0, zeroblob(900))\", ('/new/%d' % i,))\n"
        "d.commit()\n"
        "os._exit(0)\n";
    write_file(folder.file("write.py"), script);
    if (std::system(("python3 " + folder.file("write.py")).c_str()) != 0) {
        MESSAGE("skipped: no python3 with sqlite3");
        return;
    }
    const Result fits =
        run_cli({"compact", "-n", "--target-size", std::to_string(old_bytes + 60000), "-w", "json", live});
    CHECK_FALSE(has(fits.out, "already-fits"));
    // Nothing to do: the file stays as it is, and the dry run says so.
    const json dry = document({"compact", "-n", "--rev", "0", live});
    const json real = document({"compact", "--rev", "0", live});
    CHECK(dry.at("size").at("file_after") == real.at("size").at("file_after"));
}

TEST_CASE("agreement: --min-gain holds back a shrinking alone as well") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, long_history(300, 10).row_list());
    REQUIRE(run_cli({"compact", "--rev", "200", "--vacuum", db}).code == 0);
    const std::string bytes = read_file(db);
    const json held = document({"compact", "--rev", "100", "--vacuum", "--min-gain", "90%", db});
    CHECK(held.at("result") == "below-min-gain");
    CHECK(read_file(db) == bytes);
    CHECK(document({"compact", "--rev", "100", "--min-gain", "90%", db}).at("result") == "already-compacted");
}

TEST_CASE("agreement: --exit-code and the headline count raft entries too") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    NativeShape shape;
    shape.raft = true;
    shape.meta = {{"finished_compact_rev", 5},
                  {"scheduled_compact_rev", 5},
                  {"consistent_index", 3},
                  {"raft_commit", 4},
                  {"raft_term", 1}};
    shape.after =
        "INSERT INTO raft_entry VALUES (1, 1, 0, x''), (2, 1, 0, x''), (3, 1, 0, x''), (4, 1, 0, x'')";
    make_native(db, sample_history().row_list(), shape);
    const Args args{"compact", "--rev", "5", "--raft-index", "2", "--exit-code", db};
    Args dry = args;
    dry.insert(dry.begin() + 1, "-n");
    // Too little to gain: they stay.
    const std::string bytes = read_file(db);
    Args weighed = args;
    weighed.insert(weighed.begin() + 1, {"--min-gain", "99%"});
    CHECK(has(run_cli(weighed).out, "too little to gain"));
    CHECK(read_file(db) == bytes);
    const Result forecast = run_cli(dry);
    CHECK(forecast.code == 3);
    CHECK(has(forecast.out, "2 raft entries would go"));
    const Result real = run_cli(args);
    CHECK(real.code == 3);
    CHECK(has(real.out, "2 raft entries removed"));
    CHECK_FALSE(has(real.out, "nothing to do"));
    CHECK(query_one(db, "SELECT count(*) FROM raft_entry") == "2");
    CHECK(run_cli(args).code == 0);
    // A log that is only looked at takes a command of its own.
    REQUIRE(run_cli({"raft", "compact", "--index", "0", "-o", folder.file("log"), db}).code == 0);
    const Result foreign =
        run_cli({"compact", "-n", "--rev", "7", "--raft-log", folder.file("log"), "--raft-index", "3", db});
    CHECK(has(foreign.out, "kvctl compact --rev 7 " + db + " && kvctl raft compact " + folder.file("log") +
                               " --index 3 -o NEW"));
}

TEST_CASE("agreement: of several stores that cannot be read each is named, in every format") {
    const TempDir folder;
    make_native(folder.file("a"), sample_history().row_list());
    write_file(folder.file("text"), "no store");
    const Args args{"status", folder.file("missing"), folder.file("a"), folder.file("text")};
    for (const char* format : {"text", "json", "jsonl"}) {
        Args formatted = args;
        formatted.insert(formatted.end(), {"-w", format});
        const Result r = run_cli(formatted);
        CHECK(r.code == 6);
        CHECK(has(r.err, folder.file("missing")));
        CHECK(has(r.err, folder.file("text")));
        CHECK(has(r.out, folder.file("a")));
    }
}

TEST_CASE("agreement: a log whose checksums do not match is not made into one that looks sound") {
    const TempDir folder;
    const std::string wal = folder.file("wal");
    std::filesystem::create_directory(wal);
    {
        WalWriter w(wal);
        w.snapshot(0, 0);
        for (std::uint64_t i = 1; i <= 4; ++i) w.entry(i, 1, "");
        w.hard_state(1, 1, 4);
        std::string bytes = read_file(w.path());
        // The last bit of the second entry's term: it decodes as before.
        const std::size_t at = bytes.rfind("\x18\x03");
        REQUIRE(at != std::string::npos);
        bytes[at + 1] = '\x02';
        write_file(w.path(), bytes);
    }
    REQUIRE(run_cli({"raft", wal}).code == 3);
    const Result r =
        run_cli({"raft", "compact", "--index", "0", "-o", folder.file("new"), "-w", "json", wal});
    CHECK(r.code == 6);
    CHECK(has(r.err, "damaged"));
    CHECK_FALSE(std::filesystem::exists(folder.file("new")));
    for (const RealData& real : real_data()) {
        // A copy that leaves the log out says so.
        const Args args{"compact", "--rev", "5", "-o", folder.file("copy"), real.data_dir};
        CHECK(has(run_cli(args).err, "the raft log is left out"));
        std::filesystem::remove(folder.file("copy"));
        // A whole member whose log is damaged: neither is imported, the db alone is.
        for (const auto& file : std::filesystem::directory_iterator(real.data_dir + "/member/wal")) {
            if (file.path().extension() != ".wal") continue;
            std::string bytes = read_file(file.path().string());
            const std::size_t at = bytes.find("value");
            if (at == std::string::npos) continue;
            bytes[at] = 'V';
            write_file(file.path().string(), bytes);
        }
        if (run_cli({"raft", real.data_dir + "/member/wal"}).code != 3) continue;
        CHECK(run_cli({"import", real.data_dir, "-o", folder.file(real.name)}).code == 6);
        CHECK_FALSE(std::filesystem::exists(folder.file(real.name)));
        CHECK(run_cli({"import", real.db, "-o", folder.file(real.name)}).code == 0);
    }
}

TEST_CASE("agreement: rows of other tables keep their rowids through a rewrite") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, long_history(300, 10).row_list(),
                {.after = "CREATE TABLE note (x); INSERT INTO note (rowid, x) VALUES (77, 'a'), (99, 'b');"
                          "CREATE TABLE own (id INTEGER PRIMARY KEY, x); INSERT INTO own VALUES (5, 'c');"
                          "CREATE TABLE odd (ROWID, x); INSERT INTO odd VALUES (3, 'd')"});
    const auto told = [&] {
        return query(db,
                     "SELECT rowid, x FROM note UNION ALL SELECT rowid, x FROM own UNION ALL"
                     " SELECT _rowid_, rowid || x FROM odd");
    };
    const auto before = told();
    REQUIRE(document({"compact", "--rev", "290", "--strategy", "rewrite", db}).at("strategy") == "rewrite");
    CHECK(told() == before);
}

TEST_CASE("agreement: kine's columns may be written in any case") {
    const TempDir folder;
    const std::string columns =
        " Name TEXT, CREATED INTEGER, deleted INTEGER, create_revision INTEGER, prev_revision INTEGER,"
        " lease INTEGER, value BLOB, old_value BLOB);"
        "INSERT INTO kine VALUES (1, 'compact_rev_key', 1, 0, 0, 0, 0, x'', NULL),"
        " (2, '/a', 1, 0, 0, 0, 0, x'31', NULL), (3, '/a', 0, 0, 2, 2, 0, x'32', x'31')";
    run_sql(folder.file("kine"), "CREATE TABLE kine (ID integer primary key autoincrement," + columns);
    CHECK(document({"compact", "--rev", "3", folder.file("kine")}).at("removed").at("revisions") == 1);
    CHECK(document({"check", folder.file("kine")}).at("counts").count("extra-column") == 0);
    // What history calls a revision's size is what explain calls so.
    KineMaker kine;
    kine.create("/a", "first");
    kine.update("/a", "second");
    kine.write(folder.file("sizes"));
    const json rows = document({"history", "/a", folder.file("sizes")}).at("generations")[0].at("revisions");
    const json explained = document({"explain", "/a", folder.file("sizes")}).at("revisions");
    REQUIRE(rows.size() == explained.size());
    for (std::size_t i = 0; i < rows.size(); ++i) CHECK(rows[i].at("bytes") == explained[i].at("bytes"));
}

TEST_CASE("agreement: old values that go are counted, before and after") {
    const TempDir folder;
    const std::string db = folder.file("kine");
    KineMaker kine;
    kine.create("/a", "first");
    kine.update("/a", "second");
    kine.update("/a", "third");
    kine.update("/a", "fourth");
    kine.write(db);
    const auto old = [&] {
        return query_one(db, "SELECT count(old_value) || ' ' || sum(length(old_value)) FROM kine");
    };
    const std::string rev = std::to_string(kine.current() - 1);
    const json dry = document({"compact", "-n", "--rev", rev, "--drop-old-values", db});
    CHECK(dry.at("old_values") == json{{"values", 1}, {"bytes", 6}});
    CHECK(has(run_cli({"compact", "-n", "--rev", rev, "--drop-old-values", db}).out,
              "1 old values would be cleared, 6 B"));
    REQUIRE(old() == "3 16");
    CHECK(document({"compact", "--rev", rev, "--drop-old-values", db}).at("old_values") ==
          dry.at("old_values"));
    CHECK(old() == "1 5");
    CHECK(document({"compact", "-n", "--rev", rev, db}).count("old_values") == 0);
}

TEST_CASE("agreement: a run that does nothing claims no repair") {
    const TempDir folder;
    KineMaker kine;
    kine.create("/a", "1");
    kine.write(folder.file("kine"), {.after = "DELETE FROM kine WHERE name = 'compact_rev_key'"});
    const Result r = run_cli({"compact", "--rev", "0", folder.file("kine")});
    CHECK(r.code == 0);
    CHECK(has(r.err, "a compaction that has something to do inserts one"));
    CHECK(query_one(folder.file("kine"), "SELECT count(*) FROM kine WHERE name = 'compact_rev_key'") == "0");
}

TEST_CASE("agreement: an index that lacks the newest rows does not say where a store ends") {
    const TempDir folder;
    const std::string db = folder.file("kine");
    KineMaker kine;
    for (int i = 0; i < 40; ++i) kine.put("/registry/" + std::to_string(i % 5), std::to_string(i));
    kine.write(db, {.wal = false});
    // Unknown to SQLite while rows are added, the index is there again afterwards, as it was.
    run_sql(db,
            "CREATE TABLE saved AS SELECT * FROM sqlite_schema WHERE name = 'kine_id_deleted_index';"
            "PRAGMA writable_schema = ON;"
            "DELETE FROM sqlite_schema WHERE name = 'kine_id_deleted_index'");
    run_sql(db,
            "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value)"
            " VALUES ('/registry/new', 1, 0, 0, 0, 0, x'31'), ('/registry/newer', 1, 0, 0, 0, 0, x'32')");
    run_sql(db, "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema SELECT * FROM saved");
    REQUIRE(query_one(db, "SELECT max(id) FROM kine") !=
            query_one(db, "SELECT max(id) FROM kine NOT INDEXED"));
    const std::int64_t newest = kine.current() + 2;
    CHECK(document({"status", db}).at("revisions").at("current") == newest);
    CHECK(document({"get", "/registry/newer", db}).at("count") == 1);
    const json copied = document({"compact", "--rev", "30", "-o", folder.file("new"), db});
    CHECK(copied.at("revisions").at("current") == newest);
    CHECK(query_one(folder.file("new"), "SELECT count(*) FROM kine WHERE name LIKE '/registry/new%'") == "2");
    CHECK(run_cli({"check", db}).code == 3);
    // In place the index would have to be believed.
    CHECK(run_cli({"compact", "--rev", "9", "--strategy", "in-place", db}).code == 6);
}

TEST_CASE("agreement: rows that an index hides are not lost on the way out") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    const std::vector<naive::Row> rows = long_history(300, 10).row_list();
    for (const bool shuffled : {false, true}) {
        CAPTURE(shuffled);
        std::filesystem::remove(db);
        make_native(db, rows, {.shuffled = shuffled, .page_size = 512});
        const json whole = document({"hash", db});
        // An empty leaf where the first one of the primary key's index stood.
        std::string bytes = read_file(db);
        const std::size_t root =
            (std::stoul(
                 query_one(db, "SELECT rootpage FROM sqlite_schema WHERE name LIKE 'sqlite_autoindex%'")) -
             1) *
            512;
        REQUIRE(bytes[root] == 2);
        const auto byte = [&](std::size_t at) { return std::size_t{static_cast<unsigned char>(bytes[at])}; };
        const std::size_t cell = root + byte(root + 12) * 256 + byte(root + 13);
        const std::size_t leaf = (byte(cell + 2) * 256 + byte(cell + 3) - 1) * 512;
        REQUIRE(bytes[leaf] == 10);
        bytes.replace(leaf, 512, std::string("\x0a\x00\x00\x00\x00\x02\x00\x00", 8) + std::string(504, '\0'));
        write_file(db, bytes);
        const Result hash = run_cli({"hash", "-w", "json", db});
        const Result in = run_cli({"import", db, "-o", folder.file("new")});
        const Result out = run_cli({"export", db});
        CAPTURE(hash.err);
        if (shuffled) {
            CHECK(hash.code == 6);
            CHECK(in.code == 6);
            CHECK(out.code == 6);
        } else {
            // In order nothing but the table is read.
            CHECK(json::parse(hash.out) == whole);
            CHECK(in.code == 0);
            CHECK(native_rows(folder.file("new")).size() == rows.size());
            std::filesystem::remove(folder.file("new"));
            CHECK(out.code == 0);
        }
    }
}

TEST_CASE("agreement: columns named in capitals are the layout's columns to every command") {
    const TempDir folder;
    const auto capitals = [](const std::string& table, const std::vector<std::string>& columns) {
        std::string sql;
        for (std::string column : columns) {
            sql += "ALTER TABLE " + table + " RENAME COLUMN " + column + " TO ";
            for (char& c : column) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
            sql += column + ";";
        }
        return sql;
    };
    const std::string native = folder.file("native.db");
    make_native(native, sample_history().row_list(),
                {.shuffled = true, .after = capitals("revision", {"main", "sub", "key", "value"})});
    const std::string kine = folder.file("kine.db");
    KineMaker maker;
    for (int i = 0; i < 20; ++i) maker.put("/k" + std::to_string(i % 3), "v" + std::to_string(i));
    maker.write(kine, {.wal = false, .after = capitals("kine", {"name", "prev_revision", "old_value"})});

    for (const std::string& db : {native, kine}) {
        CAPTURE(db);
        const Result check = run_cli({"check", db});
        CHECK_MESSAGE(check.code == 0, check.out);
        CHECK(!has(check.out, "missing-index"));
        for (const char* const strategy : {"in-place", "rewrite"}) {
            CAPTURE(strategy);
            const std::string one = folder.file("one.db");
            copy(db, one);
            Args args{"compact", "--rev", "7", "--strategy", strategy, one};
            if (db == kine) args.insert(args.begin() + 1, "--drop-old-values");
            const Result run = run_cli(args);
            CHECK_MESSAGE(run.code == 0, run.err);
            if (db != kine) continue;
            CHECK(query_one(one,
                            "SELECT count(*) FROM kine WHERE id <= 7 AND old_value IS NOT NULL"
                            " AND name <> 'compact_rev_key'") == "0");
            CHECK(query_one(one, "SELECT count(*) > 0 FROM kine WHERE old_value IS NOT NULL") == "1");
        }
    }
}
