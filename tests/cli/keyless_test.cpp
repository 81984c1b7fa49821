#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/kine_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

// A table kine that a round trip through CSV or SQL has left without its primary key.

using namespace kvctl::test;
using nlohmann::json;

namespace {

using Args = std::vector<std::string>;

// The rows stand in no order, and nothing else of the table is left.
constexpr const char* k_round_trip =
    "CREATE TABLE copy AS SELECT * FROM kine ORDER BY (id * 7919) % 1009, id;"
    "DROP TABLE kine; ALTER TABLE copy RENAME TO kine;";
constexpr const char* k_row_without_id =
    "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value)"
    " VALUES ('/lost', 1, 0, 0, 0, 0, x'31');";

json document(Args args) {
    args.insert(args.end(), {"-w", "json"});
    const Result r = run_cli(args);
    json j = json::parse(r.out, nullptr, false);
    REQUIRE_MESSAGE(!j.is_discarded(), r.err << r.out);
    return j;
}

// What a command says of a store, without what is its file's alone.
json said(Args args, const std::string& db) {
    args.push_back(db);
    json j = document(args);
    for (const char* name : {"store", "size", "duration_ms", "warnings", "findings", "hints", "command",
                             "file", "strategy", "refusal", "refusal_kind", "refusal_ways"})
        j.erase(name);
    if (j.contains("bytes") && j.at("bytes").is_object()) {
        for (const char* name : {"free", "indexes", "overhead", "other"}) j.at("bytes").erase(name);
    }
    return j;
}

// What an export holds, behind its header.
std::string exported(const std::string& db) {
    const Result r = run_cli({"export", db});
    CHECK_MESSAGE(r.code == 0, r.err);
    return r.out.substr(std::min(r.out.size(), r.out.find('\n')));
}

std::vector<std::string> codes_of(const json& report, const std::string& severity) {
    std::vector<std::string> codes;
    for (const json& f : report.at("findings")) {
        if (f.at("severity") == severity) codes.push_back(f.at("code"));
    }
    return codes;
}

struct Pair {
    std::string sound;
    std::string keyless;
};

Pair make_pair(const TempDir& folder, unsigned seed, const std::string& more = "") {
    KineMaker kine = random_kine(seed, 150, seed % 2 == 0);
    kine.put("/a", "last");
    if (seed % 3 == 0) kine.gap();
    Pair p{folder.file("sound.db"), folder.file("keyless.db")};
    for (const std::string& path : {p.sound, p.keyless}) {
        std::filesystem::remove(path);
        kine.write(path, {.wal = seed % 2 == 1});
    }
    run_sql(p.keyless, k_round_trip + more);
    return p;
}

}  // namespace

TEST_CASE("keyless kine: what reads says what it says of the table with its key") {
    const TempDir folder;
    for (unsigned seed = 1; seed <= 6; ++seed) {
        CAPTURE(seed);
        const Pair p = make_pair(folder, seed);
        const json status = document({"status", p.sound});
        const std::string current = status.at("revisions").at("current").dump();
        const std::string middle =
            std::to_string(status.at("revisions").at("current").get<std::int64_t>() - 40);
        for (const Args& args : std::vector<Args>{{"status"},
                                                  {"du"},
                                                  {"index"},
                                                  {"index", "--rev", middle},
                                                  {"get", "", "--prefix"},
                                                  {"get", "", "--prefix", "--rev", middle},
                                                  {"get", "/a"},
                                                  {"history", "/a"},
                                                  {"explain", "/a", "--rev", current},
                                                  {"compact", "-n", "--rev", middle},
                                                  {"compact", "-n", "--rev", middle, "--drop-old-values"}}) {
            CAPTURE(args);
            CHECK(said(args, p.keyless) == said(args, p.sound));
        }
        CHECK((exported(p.keyless) == exported(p.sound)));
        for (const std::string& path : {p.sound, p.keyless}) {
            const Result r = run_cli({"import", "-o", path + ".native", path});
            REQUIRE_MESSAGE(r.code == 0, r.err);
        }
        CHECK((exported(p.keyless + ".native") == exported(p.sound + ".native")));
        CHECK(said({"check"}, p.keyless + ".native") == said({"check"}, p.sound + ".native"));
        for (const std::string& path : {p.sound, p.keyless}) std::filesystem::remove(path + ".native");
    }
}

TEST_CASE("keyless kine: check explains it in one error and names a way out that works") {
    const TempDir folder;
    const Pair p = make_pair(folder, 2);
    const Result text = run_cli({"check", p.keyless});
    CHECK(text.code == 3);
    const json report = document({"check", p.keyless});
    CHECK(codes_of(report, "error") == std::vector<std::string>{"no-primary-key"});
    // Of the rows it says what it says of those of the sound store.
    json others = json::array();
    for (const json& f : report.at("findings")) {
        if (f.at("code") != "no-primary-key") others.push_back(f);
    }
    CHECK(others == document({"check", p.sound}).at("findings"));
    CHECK(has(text.out + text.err, "'kvctl import --to kine -o NEW " + p.keyless + "'"));
    const std::string anew = folder.file("anew");
    const Result made = run_cli({"import", "--to", "kine", "-o", anew, p.keyless});
    REQUIRE_MESSAGE(made.code == 0, made.err);
    CHECK(codes_of(document({"check", anew}), "error").empty());
    CHECK(said({"get", "", "--prefix"}, anew) == said({"get", "", "--prefix"}, p.sound));
    CHECK(run_cli({"compact", "--keep-last", "5", anew}).code == 0);
    const json hints = document({"status", p.keyless}).at("hints");
    CHECK(std::any_of(hints.begin(), hints.end(),
                      [](const json& h) { return has(h.get<std::string>(), "not its primary key"); }));
}

TEST_CASE("keyless kine: rows without a number for id are findings and belong to no revision") {
    const TempDir folder;
    for (const auto& [set, code] : std::vector<std::pair<std::string, std::string>>{
             {"", "null-column"}, {"UPDATE kine SET id = 'x' WHERE id IS NULL", "wrong-type"}}) {
        const Pair p = make_pair(folder, 3, k_row_without_id + set);
        CAPTURE(code);
        CHECK(said({"get", "", "--prefix"}, p.keyless) == said({"get", "", "--prefix"}, p.sound));
        CHECK(said({"status"}, p.keyless) == said({"status"}, p.sound));
        CHECK((exported(p.keyless) == exported(p.sound)));
        const Result lost = run_cli({"get", "/lost", p.keyless});
        CHECK(lost.out.empty());
        CHECK_MESSAGE(has(lost.err, code), lost.err);
        const Result made = run_cli({"import", "-o", folder.file("native"), p.keyless});
        CHECK_MESSAGE(made.code == 0, made.err);
        CHECK(has(made.err, code));
        std::filesystem::remove(folder.file("native"));
        CHECK(codes_of(document({"check", p.keyless}), "error") ==
              std::vector<std::string>{"no-primary-key", code});
    }
}

TEST_CASE("keyless kine: an id that two rows have is a finding, and no answer is guessed") {
    const TempDir folder;
    const Pair p = make_pair(folder, 5,
                             "INSERT INTO kine SELECT id, '/twice', 1, 0, 0, 0, 0, x'32', NULL FROM kine"
                             " WHERE name = '/a' ORDER BY id DESC LIMIT 1;");
    const json check = document({"check", p.keyless});
    CHECK(check.at("counts").at("duplicate-revision") == 1);
    CHECK(has(run_cli({"status", p.keyless}).out, "2 rows have this id"));
    for (const char* key : {"/a", "/twice"}) {
        const Result r = run_cli({"get", key, p.keyless});
        CHECK(r.code == 6);
        CHECK(has(r.err, "2 rows have this id"));
        CHECK(has(r.err, "kvctl check"));
    }
    CHECK(run_cli({"get", "/registry/health", p.keyless}).code == 0);
    CHECK(run_cli({"index", p.keyless}).code == 0);
    const Result made = run_cli({"import", "-o", folder.file("native"), p.keyless});
    CHECK(made.code == 6);
    CHECK(!std::filesystem::exists(folder.file("native")));
    CHECK(run_cli({"compact", "--rev", "150", p.keyless}).code == 4);
    CHECK(run_cli({"compact", "--rev", "150", "-o", folder.file("o"), p.keyless}).code == 4);
    CHECK(run_cli({"compact", "-n", "--rev", "150", p.keyless}).code == 0);
}

TEST_CASE("keyless kine: nothing writes to it, and the forecast says so") {
    const TempDir folder;
    const Pair p = make_pair(folder, 4, k_row_without_id);
    const std::string before = read_file(p.keyless);
    for (const Args& work : std::vector<Args>{{"compact", "--rev", "100"},
                                              {"compact", "--rev", "100", "--strategy", "in-place"},
                                              {"compact", "--rev", "100", "--strategy", "rewrite"},
                                              {"compact", "--rev", "100", "--batch", "5"},
                                              {"compact", "--rev", "100", "--vacuum"},
                                              {"compact", "--rev", "100", "--drop-old-values"},
                                              {"compact", "--rev", "100", "-o", folder.file("out.db")},
                                              {"vacuum"}}) {
        CAPTURE(work);
        Args args = work;
        args.push_back(p.keyless);
        const Result r = run_cli(args);
        CHECK(r.code == 4);
        CHECK(has(r.err, "not its primary key"));
        CHECK(has(r.err, "kvctl import"));
        args.insert(args.begin() + 1, "-n");
        const json forecast = document(args);
        CHECK(has(forecast.at("refusal").get<std::string>(), "not its primary key"));
        CHECK(forecast.at("refusal_kind") == "refused");
    }
    CHECK(read_file(p.keyless) == before);
    CHECK(!std::filesystem::exists(folder.file("out.db")));
}

TEST_CASE("keyless kine: what looks like a primary key and is not the rowid is read by id as well") {
    const TempDir folder;
    const Pair p = make_pair(folder, 6);
    const std::string columns =
        " name TEXT, created INTEGER, deleted INTEGER, create_revision INTEGER, prev_revision INTEGER,"
        " lease INTEGER, value BLOB, old_value BLOB";
    for (const std::string& table :
         {"id INT PRIMARY KEY," + columns, "id INTEGER PRIMARY KEY DESC," + columns,
          "id INTEGER," + columns + ", PRIMARY KEY (id, name)", "id," + columns}) {
        CAPTURE(table);
        const std::string db = folder.file("odd.db");
        std::filesystem::remove(db);
        run_sql(db, "ATTACH '" + p.keyless + "' AS s; CREATE TABLE kine (" + table +
                        "); INSERT INTO kine SELECT * FROM s.kine;");
        CHECK(said({"get", "", "--prefix"}, db) == said({"get", "", "--prefix"}, p.sound));
        CHECK((exported(db) == exported(p.sound)));
        CHECK(run_cli({"compact", "--rev", "100", db}).code == 4);
        CHECK(document({"check", db}).at("counts").contains("no-primary-key"));
    }
    const std::string db = folder.file("without.db");
    run_sql(db, "CREATE TABLE kine (id INTEGER PRIMARY KEY," + columns + ") WITHOUT ROWID");
    const Result r = run_cli({"status", db});
    CHECK(r.code == 6);
    CHECK(has(r.err, "WITHOUT ROWID"));
}
