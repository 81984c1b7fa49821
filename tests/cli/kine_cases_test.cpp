#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/data.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl::test;
using nlohmann::json;

namespace {

using Args = std::vector<std::string>;

std::vector<std::string> codes_of(const std::string& db) {
    std::vector<std::string> codes;
    const Result r = run_cli({"check", "-w", "json", db});
    const json report = json::parse(r.out);
    for (const json& f : report.at("findings")) codes.push_back(f.at("code"));
    return codes;
}

bool holds(const std::vector<std::string>& codes, const std::string& code) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

}  // namespace

TEST_CASE("kine cases: rows as kine writes them since 0.17.3 are sound to every command") {
    const TempDir folder;
    const std::string fresh = testdata("cases/kine-fresh-0.17.5.db");
    const Result check = run_cli({"check", fresh});
    CHECK(check.code == 0);
    CHECK(codes_of(fresh) == std::vector<std::string>{"needs-kine-0.17.3"});
    for (const Args& command : std::vector<Args>{{"status"},
                                                 {"du"},
                                                 {"get", "", "--prefix"},
                                                 {"index"},
                                                 {"export"},
                                                 {"import", "-o", folder.file("native.db")},
                                                 {"compact", "--rev", "10", "-o", folder.file("o.db")},
                                                 {"compact", "--rev", "10", "-n"}}) {
        Args args = command;
        args.push_back(fresh);
        const Result r = run_cli(args);
        CAPTURE(command.front());
        CHECK_MESSAGE(r.code == 0, r.err);
        CHECK(!has(r.err, "NULL"));
        CHECK(!has(r.err, "cannot read"));
    }
    CHECK(run_cli({"hash", fresh}).code == 4);
    for (const Args& how : std::vector<Args>{
             {"--strategy", "in-place"}, {"--strategy", "rewrite"}, {"--batch", "2"}, {"--vacuum"}}) {
        const std::string db = folder.file("s.db");
        std::filesystem::copy_file(fresh, db, std::filesystem::copy_options::overwrite_existing);
        Args args{"compact", "--rev", "10", db};
        args.insert(args.end() - 1, how.begin(), how.end());
        const Result r = run_cli(args);
        CHECK_MESSAGE(r.code == 0, r.err);
        for (const std::string& fault : compare_kine(fresh, db, 10)) FAIL_CHECK(fault);
    }
}

TEST_CASE("kine cases: NULL where no kine writes it is still a finding") {
    for (const char* sql :
         {"UPDATE kine SET create_revision = NULL WHERE id = (SELECT max(id) FROM kine WHERE created = 0 AND "
          "deleted = 0)",
          "UPDATE kine SET create_revision = NULL WHERE id = (SELECT max(id) FROM kine WHERE deleted = 1 AND "
          "name NOT LIKE 'gap-%')",
          "UPDATE kine SET prev_revision = NULL WHERE id = 3", "UPDATE kine SET lease = NULL WHERE id = 3",
          "UPDATE kine SET created = NULL WHERE id = 3", "UPDATE kine SET deleted = NULL WHERE id = 3"}) {
        CAPTURE(std::string(sql));
        const TempDir folder;
        const std::string db = folder.file("s.db");
        KineMaker maker;
        for (int i = 0; i < 5; ++i) maker.put("/a/" + std::to_string(i), "v");
        maker.put("/a/1", "w");
        maker.remove("/a/2");
        maker.write(db, {.after = sql});
        CHECK(holds(codes_of(db), "null-column"));
    }
    const TempDir folder;
    const std::string db = folder.file("s.db");
    KineMaker maker;
    for (int i = 0; i < 5; ++i) maker.put("/a/" + std::to_string(i), "v");
    maker.write(db, {.after = "UPDATE kine SET create_revision = NULL WHERE created = 1"});
    CHECK(run_cli({"check", db}).code == 0);
    // A current put without a value; one that a newer row replaced is nobody's any more.
    run_sql(db, "UPDATE kine SET value = NULL WHERE name = '/a/3'");
    CHECK(run_cli({"check", db}).code == 3);
    CHECK(holds(codes_of(db), "null-value"));
}

TEST_CASE("kine cases: names that a copy would change: seen beforehand, compacted in place") {
    const TempDir folder;
    const std::string whole = folder.file("whole.db");
    KineMaker maker = random_kine(3, 300, false);
    maker.write(whole, {.age = KineAge::v0_5});
    // As KINE_SCHEMA_MIGRATION=2 does it: the text of the schema, behind a number that the old column made.
    run_sql(whole,
            "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value) VALUES "
            "('12345', 1, 0, 0, 0, 0, x'76');"
            "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, 'name INTEGER', 'name "
            "TEXT') WHERE name = 'kine';"
            "PRAGMA writable_schema=RESET;");
    run_sql(whole,
            "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value) VALUES "
            "('12345', 1, 0, NULL, 0, 0, x'77')");
    REQUIRE(query(whole, "SELECT DISTINCT typeof(name) FROM kine ORDER BY 1").size() == 2);
    const std::string db = folder.file("s.db");
    for (const Args& how :
         std::vector<Args>{{}, {"--vacuum"}, {"--strategy", "in-place"}, {"--batch", "30"}}) {
        std::filesystem::copy_file(whole, db, std::filesystem::copy_options::overwrite_existing);
        Args args{"compact", "--keep-last", "5", "-w", "json", db};
        args.insert(args.end() - 1, how.begin(), how.end());
        Args dry = args;
        dry.insert(dry.end() - 1, "-n");
        const json plan = json::parse(run_cli(dry).out);
        CHECK(plan.at("strategy") == "in-place");
        CHECK(has(plan.at("warnings").dump(), "its rows are deleted in place"));
        CHECK(!plan.contains("refusal"));
        const Result r = run_cli(args);
        REQUIRE_MESSAGE(r.code == 0, r.err);
        CHECK(json::parse(r.out).at("removed") == plan.at("removed"));
        CHECK(query(db, "SELECT typeof(name) FROM kine WHERE CAST(name AS TEXT) = '12345' ORDER BY id") ==
              query(whole, "SELECT typeof(name) FROM kine WHERE CAST(name AS TEXT) = '12345' ORDER BY id"));
    }
    for (const Args& how : std::vector<Args>{{"--strategy", "rewrite"}, {"-o", folder.file("o.db")}}) {
        std::filesystem::copy_file(whole, db, std::filesystem::copy_options::overwrite_existing);
        const std::string bytes = read_file(db);
        Args args{"compact", "--keep-last", "5", "-w", "json", db};
        args.insert(args.end() - 1, how.begin(), how.end());
        Args dry = args;
        dry.insert(dry.end() - 1, "-n");
        const json plan = json::parse(run_cli(dry).out);
        CHECK(plan.at("refusal_kind") == "refused");
        const Result r = run_cli(args);
        CHECK(r.code == 4);
        CHECK(json::parse(r.err).at("error").at("message") == plan.at("refusal"));
        CHECK(read_file(db) == bytes);
    }
    // Found whatever type it is stored as.
    CHECK(
        json::parse(
            run_cli({"explain", "12345", "--rev", std::to_string(maker.current()), "-w", "json", whole}).out)
            .at("revisions")
            .size() == 2);
    std::filesystem::copy_file(whole, db, std::filesystem::copy_options::overwrite_existing);
    CHECK(run_cli({"vacuum", db}).code == 0);
    CHECK(query(db, "SELECT id, typeof(name), name FROM kine ORDER BY id") ==
          query(whole, "SELECT id, typeof(name), name FROM kine ORDER BY id"));
}

TEST_CASE("kine cases: a copy without its -wal is asked about, not advised to be compacted") {
    const std::string db = testdata("cases/state-db-copied-without-wal.db");
    CHECK(holds(codes_of(db), "wal-left-behind"));
    CHECK(!holds(codes_of(db), "compact-row-missing"));
    const json hints = json::parse(run_cli({"status", "-w", "json", db}).out).at("hints");
    REQUIRE(hints.size() == 1);
    CHECK(has(hints.dump(), "was its -wal left behind"));
}

TEST_CASE("kine cases: k8s-dqlite's one index is none missing, and its server keeps 100") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    KineMaker maker = random_kine(3, 900, false);
    maker.write(
        db,
        {.after =
             "DROP INDEX kine_name_index; DROP INDEX kine_name_id_index; DROP INDEX kine_id_deleted_index;"
             "DROP INDEX kine_prev_revision_index; DROP INDEX kine_name_prev_revision_uindex;"
             "DROP INDEX kine_id_compact_rev_key_with_prev_revision_index;"
             "CREATE UNIQUE INDEX k8s_dqlite_name_del_index ON kine (name, id DESC, deleted);"
             "PRAGMA user_version = 65536"});
    CHECK(!holds(codes_of(db), "missing-index"));
    CHECK(!has(run_cli({"status", db}).out, "indexes are missing"));
    CHECK(has(run_cli({"compact", "--keep-last", "50", "-n", db}).err, "among the last 100"));
    CHECK(!has(run_cli({"compact", "--keep-last", "100", "-n", db}).err, "among the last"));
}

TEST_CASE("kine cases: Litestream is named with what to do") {
    for (const bool table : {true, false}) {
        const TempDir folder;
        const std::string db = folder.file("s.db");
        random_kine(3, 100, false)
            .write(db, {.after = table ? "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)"
                                       : ""});
        CHECK(has(run_cli({"status", db}).out, "Litestream") == table);
        if (!table) std::filesystem::create_directory(folder.file(".s.db-litestream"));
        CHECK(has(run_cli({"status", db}).out, "Litestream"));
        CHECK(has(run_cli({"compact", "--keep-last", "5", "-n", db}).err, "Litestream"));
        CHECK(has(run_cli({"vacuum", "-n", db}).err, "Litestream"));
        CHECK(has(run_cli({"vacuum", "-w", "json", "-n", db}).out, "Litestream"));
        CHECK(has(run_cli({"vacuum", db}).err, "Litestream"));
    }
}

TEST_CASE("kine cases: the old table key_value is told in rows and bytes") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    random_kine(3, 100, false)
        .write(db,
               {.after = "CREATE TABLE key_value (id INTEGER PRIMARY KEY, name TEXT, value BLOB);"
                         "CREATE INDEX by_name ON key_value (name);"
                         "INSERT INTO key_value (name, value) VALUES ('/a', zeroblob(9000)), ('/b', x'00')"});
    // A leaf and two overflow pages, and the index' one page.
    const std::string words = "2 rows, 16.0 KiB (16,384 bytes) of the file";
    CHECK(has(run_cli({"status", db}).out, words));
    CHECK(has(run_cli({"check", "-v", db}).out, words));
    CHECK(has(run_cli({"compact", "--keep-last", "5", "-n", db}).err, words));
    run_sql(db, "DELETE FROM kine");
    const Result refused = run_cli({"status", db});
    CHECK(refused.code == 4);
    CHECK(has(refused.err, words));
}
