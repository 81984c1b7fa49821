#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/bbolt/sha256.hpp"
#include "tests/support/data.hpp"
#include "tests/support/history.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/real_data.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;
using nlohmann::json;

namespace {

constexpr const char* k_rows =
    "SELECT main, sub, tombstone, key, create_revision, version, lease, value FROM revision ORDER BY main, "
    "sub";
constexpr const char* k_meta = "SELECT name, value FROM meta ORDER BY name";
constexpr const char* k_leases = "SELECT id, ttl FROM lease ORDER BY id";

// Everything export carries.
std::vector<std::string> content(const std::string& path) {
    std::vector<std::string> all = query(path, k_rows);
    for (const char* const sql : {k_meta, k_leases}) {
        for (std::string& row : query(path, sql)) all.push_back(std::move(row));
    }
    return all;
}

Result import_to(const std::string& source, const std::string& target, std::vector<std::string> more = {}) {
    std::vector<std::string> args{"import", source, "-o", target};
    args.insert(args.end(), more.begin(), more.end());
    return run_cli(args);
}

std::string expected_rows(const json& db) {
    std::string all;
    for (const json& e : db.at("entries")) {
        const bool dead = e.at("type") == "delete";
        all += std::to_string(e.at("rev")[0].get<std::int64_t>()) + '.' +
               std::to_string(e.at("rev")[1].get<std::int64_t>()) + (dead ? "t " : " ") +
               e.at("key").get<std::string>() + ' ' +
               (dead ? ""
                     : e.at("value").get<std::string>() + ' ' + e.at("version").dump() + ' ' +
                           e.at("create_revision").dump() + ' ' + e.at("lease").dump()) +
               '\n';
    }
    return all;
}

std::string stored_rows(const std::string& path) {
    std::string all;
    for (const naive::Row& r : native_rows(path)) {
        all += std::to_string(r.revision.main) + '.' + std::to_string(r.revision.sub) +
               (r.tombstone ? "t " : " ") + base64_encode(r.key) + ' ' +
               (r.tombstone ? ""
                            : base64_encode(r.value) + ' ' + std::to_string(r.version) + ' ' +
                                  std::to_string(r.create_revision) + ' ' + std::to_string(r.lease)) +
               '\n';
    }
    return all;
}

}  // namespace

TEST_CASE("import: a real data dir, its db and a snapshot of it become the same native store") {
    for (const RealData& real : real_data()) {
        CAPTURE(real.name);
        const TempDir dir;
        const json& db = real.expected.at("db");
        const Result whole = import_to(real.data_dir, dir.file("dir"), {"--json"});
        REQUIRE(whole.code == 0);
        CHECK(stored_rows(dir.file("dir")) == expected_rows(db));
        const json report = json::parse(whole.out);
        CHECK(report.at("schema") == "kvctl.import/1");
        CHECK(report.at("counts").at("revisions") == db.at("initial").at("entries"));
        CHECK(report.at("counts").at("tombstones") == db.at("initial").at("tombstones"));
        CHECK(report.at("revisions").at("current") == db.at("initial").at("current_revision"));
        CHECK(report.at("counts").at("leases") == db.at("leases").size());
        CHECK(native_meta(dir.file("dir"), "consistent_index") ==
              db.at("consistent_index").get<std::int64_t>());
        CHECK(native_meta(dir.file("dir"), "finished_compact_rev") ==
              db.at("meta").at("finished").get<std::int64_t>());
        CHECK(native_meta(dir.file("dir"), "scheduled_compact_rev") ==
              db.at("meta").at("scheduled").get<std::int64_t>());

        // The log as a starting server has it.
        const json& open = real.expected.at("raft").at("on_open");
        const json& wal = real.expected.at("wal");
        CHECK(native_meta(dir.file("dir"), "raft_snapshot_index") ==
              open.at("snapshot_index").get<std::int64_t>());
        CHECK(native_meta(dir.file("dir"), "raft_snapshot_term") ==
              open.at("snapshot_term").get<std::int64_t>());
        CHECK(native_meta(dir.file("dir"), "raft_commit") ==
              wal.at("hard_state").at("commit").get<std::int64_t>());
        CHECK(native_meta(dir.file("dir"), "raft_vote") ==
              static_cast<std::int64_t>(wal.at("hard_state").at("vote").get<std::uint64_t>()));
        const std::vector<std::string> log =
            query(dir.file("dir"), "SELECT idx, term, type, hex(data) FROM raft_entry ORDER BY idx");
        const std::uint64_t first = open.at("first_index").get<std::uint64_t>();
        std::size_t n = 0;
        for (const json& e : wal.at("entries")) {
            if (e.at("index").get<std::uint64_t>() < first) continue;
            REQUIRE(n < log.size());
            const std::string& row = log[n++];
            CHECK(row.starts_with(e.at("index").dump() + '|' + e.at("term").dump() + '|'));
        }
        CHECK(n == log.size());

        REQUIRE(import_to(real.db, dir.file("db")).code == 0);
        CHECK(query(dir.file("db"), k_rows) == query(dir.file("dir"), k_rows));
        CHECK(query(dir.file("db"), "SELECT name FROM sqlite_schema WHERE name = 'raft_entry'").empty());
        // A snapshot is the db with its SHA-256 behind it.
        const std::string bytes = read_file(real.db);
        write_file(dir.file("snapshot"), bytes + bbolt::sha256(bytes));
        const Result snapshot = import_to(dir.file("snapshot"), dir.file("from-snapshot"));
        CHECK(snapshot.code == 0);
        CHECK(snapshot.err.empty());
        CHECK(content(dir.file("from-snapshot")) == content(dir.file("db")));
        write_file(dir.file("altered"), bytes + std::string(32, 'x'));
        const Result altered = import_to(dir.file("altered"), dir.file("from-altered"));
        CHECK(altered.code == 6);
        CHECK(altered.err.find("SHA-256") != std::string::npos);
        CHECK_FALSE(std::filesystem::exists(dir.file("from-altered")));
    }
}

TEST_CASE("import and export: every recorded history goes through both without loss") {
    const TempDir dir;
    std::size_t seen = 0;
    for (const Recorded& recorded : recorded_histories("etcd-3.4", true)) {
        if (recorded.history.ends_with(".gz")) continue;
        CAPTURE(recorded.name);
        ++seen;
        const std::string first = dir.file(recorded.name + ".a");
        const std::string second = dir.file(recorded.name + ".b");
        const Result imported = import_to(recorded.history, first);
        CHECK(imported.err.empty());
        REQUIRE(imported.code == 0);
        std::ifstream in(recorded.expected);
        const json expected = json::parse(in);
        const auto rows = read_history(recorded.history);
        CHECK(native_rows(first).size() == rows->size());
        CHECK(native_rows(first).size() == expected.at("initial").at("entries"));
        const Result exported = run_cli({"export", first});
        REQUIRE(exported.code == 0);
        write_file(dir.file("h"), exported.out);
        REQUIRE(import_to(dir.file("h"), second).code == 0);
        CHECK(content(second) == content(first));
        // Beyond the header both files say the same.
        const std::string original = read_file(recorded.history);
        CHECK(exported.out.substr(exported.out.find('\n')) == original.substr(original.find('\n')));
    }
    CHECK(seen > 0);
}

TEST_CASE("export: rows, counters and leases come back byte for byte") {
    const TempDir dir;
    const std::string binary("\0\xff'\n", 4);
    NativeShape shape;
    shape.shuffled = true;
    shape.meta = {{"scheduled_compact_rev", 5},
                  {"finished_compact_rev", 3},
                  {"consistent_index", -1},
                  {"term", 4},
                  {"raft_vote", -2},
                  {"something else", 77}};
    shape.after = "INSERT INTO lease VALUES (-5, 60), (9, 1);";
    make_native(dir.file("a"),
                {{{2, 0}, false, binary, 2, 1, 9, binary},
                 {{3, 0}, false, "k", 3, 1, 0, ""},
                 {{3, 1}, true, binary, 0, 0, 0, ""},
                 {{8, 0}, false, "", 0, 0, 0, ""}},
                shape);
    const Result out = run_cli({"export", dir.file("a")});
    CHECK(out.code == 0);
    write_file(dir.file("h"), out.out);
    const Result in = import_to(dir.file("h"), dir.file("b"), {"--key-index"});
    CHECK(in.code == 0);
    CHECK(content(dir.file("b")) == content(dir.file("a")));
    CHECK(query(dir.file("b"), "SELECT name FROM sqlite_schema WHERE name = 'revision_by_key'").size() == 1);
    // A copy of a native store keeps everything too.
    REQUIRE(import_to(dir.file("a"), dir.file("c")).code == 0);
    CHECK(content(dir.file("c")) == content(dir.file("a")));
    CHECK(run_cli({"export", "-q", dir.file("a")}).out.empty());
}

TEST_CASE("import: a kine store's rows get versions, and its compact revision becomes etcd's") {
    const TempDir dir;
    KineMaker kine;                            // 1 the compact row, 2 the health key
    kine.create("/a", "one");                  // 3
    kine.update("/a", std::string("\0x", 2));  // 4
    kine.create("/b", "b", 15);                // 5
    kine.remove("/a");                         // 6
    kine.gap();                                // 7
    kine.create("/a", "");                     // 8
    kine.update("/b", "b2");                   // 9
    kine.update("/b", "b3");                   // 10
    kine.compact(9);
    kine.write(dir.file("kine"));
    const Result r = import_to(dir.file("kine"), dir.file("native"), {"--json"});
    REQUIRE(r.code == 0);
    std::string rows;
    for (const naive::Row& row : native_rows(dir.file("native"))) {
        rows += std::to_string(row.revision.main) + ' ' + row.key + '=' + row.value + " c" +
                std::to_string(row.create_revision) + " v" + std::to_string(row.version) + '\n';
    }
    CHECK(rows ==
          "2 /registry/health={\"health\":\"true\"} c2 v1\n"
          "8 /a= c8 v1\n"
          "9 /b=b2 c5 v1\n"
          "10 /b=b3 c5 v2\n");
    CHECK(native_meta(dir.file("native"), "finished_compact_rev") == 9);
    CHECK(native_meta(dir.file("native"), "scheduled_compact_rev") == 9);
    CHECK(json::parse(r.out).at("revisions").at("current") == 10);
    CHECK(run_cli({"check", dir.file("native")}).code == 0);
}

TEST_CASE("import: uncompacted kine rows, tombstones included, and leases") {
    const TempDir dir;
    KineMaker kine;
    kine.create("/a", "1", 15);
    kine.update("/a", "2");
    kine.remove("/a");
    kine.create("/a", "3");
    kine.write(dir.file("kine"));
    REQUIRE(import_to(dir.file("kine"), dir.file("native")).code == 0);
    const std::vector<naive::Row> rows = native_rows(dir.file("native"));
    REQUIRE(rows.size() == 5);
    CHECK(rows[1].lease == 15);
    CHECK(rows[2].version == 2);
    CHECK(rows[3].tombstone);
    CHECK(rows[3].create_revision == 0);
    CHECK(rows[4].version == 1);
    CHECK(native_meta(dir.file("native"), "finished_compact_rev") == -1);
}

TEST_CASE("import and compact: a head that only a gap holds is lowered, in file, report and warning alike") {
    const TempDir dir;
    KineMaker kine;
    kine.create("/a", "1");  // 3
    kine.update("/a", "2");  // 4
    kine.gap();              // 5
    kine.write(dir.file("kine"));
    for (const char* const to : {"native", "bbolt", "snapshot"}) {
        for (const char* const command : {"import", "compact", "forecast"}) {
            CAPTURE(to);
            CAPTURE(command);
            const std::string made = dir.file(std::string(to) + command);
            std::vector<std::string> args{"import"};
            if (command != std::string("import")) args = {"compact", "--rev", "4"};
            if (command == std::string("forecast")) args.emplace_back("--dry-run");
            args.insert(args.end(), {"-w", "json", "--to", to, "-o", made, dir.file("kine")});
            const Result r = run_cli(args);
            REQUIRE_MESSAGE(r.code == 0, r.err);
            const json report = json::parse(r.out);
            CHECK(report.at("revisions").at("current") == 4);
            CHECK(has(report.at("warnings").dump(), "current revision 5"));
            CHECK(has(report.at("warnings").dump(), "the new store's is 4"));
            if (command == std::string("forecast")) continue;
            const json status = json::parse(run_cli({"status", "--json", made}).out);
            CHECK(status.at("revisions").at("current") == 4);
            CHECK(status.at("pending_compaction") == false);
        }
    }
    // To where the gap stands: that is what the new store has then.
    const Result r = run_cli(
        {"compact", "--rev", "5", "-w", "json", "--to", "native", "-o", dir.file("at"), dir.file("kine")});
    REQUIRE(r.code == 0);
    CHECK(json::parse(r.out).at("revisions").at("current") == 5);
    CHECK_FALSE(has(r.out, "current revision 5 is"));
    const json status = json::parse(run_cli({"status", "--json", dir.file("at")}).out);
    CHECK(status.at("revisions").at("current") == 5);
}

TEST_CASE("import: gaps of a kine store stay gaps in another, whichever way it takes") {
    const TempDir dir;
    const char* const gaps = "SELECT id, name, deleted FROM kine WHERE name LIKE 'gap-%' ORDER BY id";
    KineMaker kine;
    kine.create("/a", "1");  // 3
    kine.gap();              // 4
    kine.gap();              // 5
    kine.update("/a", "2");  // 6
    kine.gap();              // 7
    kine.create("/b", "2");  // 8
    SUBCASE("behind a row") {}
    SUBCASE("at the head") {
        kine.gap();  // 9
    }
    SUBCASE("behind a compaction") {
        kine.compact(6);
    }
    kine.write(dir.file("kine"));
    REQUIRE(import_to(dir.file("kine"), dir.file("b"), {"--to", "kine"}).code == 0);
    CHECK(query(dir.file("b"), gaps) == query(dir.file("kine"), gaps));
    CHECK(run_cli({"check", dir.file("b")}).code == 0);
    CHECK(run_cli({"diff", dir.file("kine"), dir.file("b")}).code == 0);
    CHECK(query(dir.file("b"), "SELECT max(id) FROM kine") ==
          query(dir.file("kine"), "SELECT max(id) FROM kine"));
    // Nothing else stores gaps: they are the revisions that nothing is stored of.
    REQUIRE(import_to(dir.file("kine"), dir.file("native")).code == 0);
    const Result r = import_to(dir.file("native"), dir.file("c"), {"--to", "kine"});
    CHECK(r.code == 0);
    CHECK(has(r.err, "fill gaps"));
    CHECK(run_cli({"check", dir.file("c")}).code == 0);
    const char* const below_head =
        "SELECT id, name, deleted FROM kine WHERE name LIKE 'gap-%' AND id < 9 ORDER BY id";
    CHECK(query(dir.file("c"), below_head) == query(dir.file("kine"), below_head));
}

TEST_CASE("import: a hole too long to fill is left and said") {
    const TempDir dir;
    make_native(dir.file("a"),
                {{{2, 0}, false, "k", 2, 1, 0, "v"}, {{1000000000, 0}, false, "l", 1000000000, 1, 0, "v"}});
    const Result r = import_to(dir.file("a"), dir.file("kine"), {"--to", "kine"});
    CHECK(r.code == 0);
    CHECK(has(r.err, "999,999,997 revisions"));
    CHECK(query(dir.file("kine"), "SELECT count(*) FROM kine") == std::vector<std::string>{"3"});
}

TEST_CASE("import: a history file that was compressed is read as one") {
    const TempDir dir;
    make_native(dir.file("a"), {{{2, 0}, false, "k", 2, 1, 0, "v"}}, {.meta = {{"finished_compact_rev", 1}}});
    write_file(dir.file("h"), run_cli({"export", dir.file("a")}).out);
    REQUIRE(std::system(("gzip -k " + dir.file("h")).c_str()) == 0);
    CHECK(import_to(dir.file("h.gz"), dir.file("b")).code == 0);
    CHECK(content(dir.file("b")) == content(dir.file("a")));
    // A fault in it is told by its name; cut short it is a broken archive.
    write_file(dir.file("cut"), "{\"format\":\"kvhistory/1\",\"entries\":2}\n");
    REQUIRE(std::system(("gzip -k " + dir.file("cut")).c_str()) == 0);
    const Result cut = import_to(dir.file("cut.gz"), dir.file("no"));
    CHECK(cut.code == 6);
    CHECK(has(cut.err, dir.file("cut.gz") + ": holds 0 rows"));
    write_file(dir.file("half.gz"),
               read_file(dir.file("h.gz")).substr(0, read_file(dir.file("h.gz")).size() - 9));
    const Result half = import_to(dir.file("half.gz"), dir.file("no"));
    CHECK(half.code == 6);
    CHECK(has(half.err, "archive is broken"));
    CHECK(run_cli({"import", "--salvage", dir.file("h.gz"), "-o", dir.file("no")}).code == 2);
    CHECK(run_cli({"status", dir.file("h.gz")}).code == 6);
    CHECK_FALSE(std::filesystem::exists(dir.file("no")));
}

TEST_CASE("import and compact: that a raft log has no place in the new store is said") {
    const TempDir dir;
    make_native(dir.file("a"), {{{2, 0}, false, "k", 2, 1, 0, "v"}}, {.raft = true});
    for (const bool filled : {false, true}) {
        if (filled) run_sql(dir.file("a"), "INSERT INTO raft_entry VALUES (1, 1, 0, NULL)");
        for (const std::string to : {"kine", "bbolt", "snapshot"}) {
            CAPTURE(to);
            const std::string n = to + (filled ? "1" : "0");
            CHECK(has(import_to(dir.file("a"), dir.file(n), {"--to", to}).err, "raft log is left out") ==
                  filled);
            const std::vector<std::string> rest{"--rev",           "2",          "--to", to, "-o",
                                                dir.file(n + "c"), dir.file("a")};
            for (const std::string first : {"-n", "-v"}) {
                std::vector<std::string> args{"compact", first};
                args.insert(args.end(), rest.begin(), rest.end());
                const Result r = run_cli(args);
                CHECK(r.code == 0);
                CHECK(has(r.out + r.err, "raft log is left out") == filled);
            }
        }
    }
}

TEST_CASE(
    "import and export: a kine row that only looks like a gap is a key's, one that cannot be placed is "
    "none's") {
    const TempDir dir;
    KineMaker kine;
    kine.create("/a", "1");  // 3
    kine.gap();              // 4
    kine.gap();              // 5
    kine.gap();              // 6
    kine.gap();              // 7
    kine.create("/b", "2");  // 8
    kine.write(dir.file("kine"));
    run_sql(dir.file("kine"),
            "UPDATE kine SET prev_revision = 3 WHERE id = 5;"
            "UPDATE kine SET value = 'text' WHERE id = 6;"
            "UPDATE kine SET deleted = 'text' WHERE id = 7");
    const Result out = run_cli({"export", dir.file("kine")});
    CHECK_MESSAGE(out.code == 0, out.err);
    CHECK(import_to(dir.file("kine"), dir.file("native")).code == 0);
    std::vector<std::int64_t> mains;
    for (const auto& row : native_rows(dir.file("native"))) mains.push_back(row.revision.main);
    CHECK(mains == std::vector<std::int64_t>{2, 3, 5, 6, 8});
}

TEST_CASE("import: what is refused leaves nothing behind") {
    const TempDir dir;
    make_native(dir.file("a"), {{{2, 0}, false, "k", 2, 1, 0, "v"}});
    write_file(dir.file("there"), "mine");
    write_file(dir.file("cut"), "{\"format\":\"kvhistory/1\",\"entries\":2}\n");
    write_file(dir.file("text"), "hello\n");
    const auto before = dir.names();
    CHECK(import_to(dir.file("a"), dir.file("there")).code == 4);
    CHECK(read_file(dir.file("there")) == "mine");
    CHECK(import_to(dir.file("cut"), dir.file("new")).code == 6);
    CHECK(import_to(dir.file("text"), dir.file("new")).code == 6);
    CHECK(import_to(dir.file("missing"), dir.file("new")).code == 7);
    CHECK(import_to(dir.file("a"), dir.file("no/such/new")).code == 7);
    CHECK(run_cli({"import", dir.file("a")}).code == 2);
    CHECK(run_cli({"import", "-o", dir.file("new")}).code == 2);
    CHECK(dir.names() == before);
}

TEST_CASE("import and export: damaged rows are told and not taken over") {
    const TempDir dir;
    make_native(dir.file("a"), {{{2, 0}, false, "k", 2, 1, 0, "v"}});
    run_sql(dir.file("a"), "UPDATE revision SET tombstone = 1");
    const Result in = import_to(dir.file("a"), dir.file("new"));
    CHECK(in.code == 6);
    CHECK(in.err.find("revision 2.0") != std::string::npos);
    const Result out = run_cli({"export", dir.file("a")});
    CHECK(out.code == 6);
    CHECK(out.out.empty());
}

TEST_CASE("export: the times to live of kine's rows are leases of the history") {
    const TempDir dir;
    KineMaker kine;
    kine.create("/a", "1", 3660);
    kine.create("/b", "2", 15);
    kine.create("/c", "3", 15);
    kine.create("/d", "4");
    kine.create("/e", "5", 40);
    kine.remove("/e");
    kine.write(dir.file("kine"));
    const Result out = run_cli({"export", dir.file("kine")});
    REQUIRE(out.code == 0);
    write_file(dir.file("history"), out.out);
    REQUIRE(import_to(dir.file("history"), dir.file("a")).code == 0);
    REQUIRE(import_to(dir.file("kine"), dir.file("b")).code == 0);
    CHECK(query(dir.file("a"), k_leases).size() == 3);
    CHECK(content(dir.file("a")) == content(dir.file("b")));
    REQUIRE(import_to(dir.file("a"), dir.file("back"), {"--to", "kine"}).code == 0);
    CHECK(run_cli({"diff", dir.file("kine"), dir.file("back")}).code == 0);
}

TEST_CASE("export: a kine store and an etcd db are written as the native store they would become") {
    const TempDir dir;
    KineMaker kine = random_kine(7, 300, false);
    kine.write(dir.file("kine"));
    std::vector<std::string> sources{dir.file("kine")};
    const auto real = real_data();
    for (const RealData& r : real) sources.push_back(r.db);
    for (std::size_t i = 0; i < sources.size(); ++i) {
        CAPTURE(sources[i]);
        const std::string n = std::to_string(i);
        const Result out = run_cli({"export", sources[i]});
        REQUIRE(out.code == 0);
        write_file(dir.file("h" + n), out.out);
        REQUIRE(import_to(dir.file("h" + n), dir.file("a" + n)).code == 0);
        REQUIRE(import_to(sources[i], dir.file("b" + n)).code == 0);
        CHECK(content(dir.file("a" + n)) == content(dir.file("b" + n)));
    }
}
