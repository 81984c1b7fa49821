#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;
using nlohmann::json;

namespace {

json run_json(std::vector<std::string> args) {
    args.insert(args.end() - 1, {"-w", "json"});
    const Result r = run_cli(args);
    if (r.code == 0) return json::parse(r.out);
    json error = json::parse(r.err);
    error["error"].erase("message");  // it names the file
    return error;
}

// What must not depend on how the rows were found; a scan also tells what is wrong with other rows.
json answer(const std::vector<std::string>& args) {
    json j = run_json(args);
    j.erase("findings");
    j.erase("warnings");
    return j;
}

// Asks both stores, which hold the same rows, about a key in every way. Only `indexed` can be read without a
// scan.
void compare_answers(const std::string& indexed, const std::string& plain, const std::string& key,
                     const std::vector<std::string>& revisions) {
    CAPTURE(key);
    const auto same = [&](std::vector<std::string> args) {
        args.push_back(indexed);
        const json one = answer(args);
        args.back() = plain;
        CAPTURE(args);
        CHECK(one == answer(args));
    };
    same({"history", key});
    same({"index", key});
    same({"get", key});
    for (const std::string& rev : revisions) {
        same({"explain", key, "--rev", rev});
        same({"get", key, "--rev", rev});
        same({"index", key, "--rev", rev});
    }
}

std::set<std::string> names_in(const std::string& path) {
    std::set<std::string> names;
    const std::int64_t most = std::stoll(query_one(path, "SELECT count(DISTINCT name) FROM kine"));
    for (std::int64_t i = 0; i < most; ++i) {
        names.insert(query_one(
            path, "SELECT DISTINCT name FROM kine ORDER BY name LIMIT 1 OFFSET " + std::to_string(i)));
    }
    return names;
}

// Breaks the chain here and there, as races, hand-run SQL and old releases did (kine.md 7). No two rows of a
// name may point at the same row: an index forbids it.
void break_chains(KineMaker& m, std::uint32_t seed) {
    std::mt19937 engine(seed);
    std::set<std::pair<std::string, std::int64_t>> taken;
    for (const KineRow& r : m.rows()) taken.emplace(*r.name, *r.prev_revision);
    for (KineRow& r : m.rows()) {
        if (r.name == "compact_rev_key") continue;
        const auto point_at = [&](std::int64_t id) {
            if (taken.emplace(*r.name, id).second) r.prev_revision = id;
        };
        switch (engine() % 12) {
            case 0:
                point_at(0);
                break;
            case 1:
                point_at(100'000 + r.id);
                break;
            case 2:
            case 3:
                point_at(1 + static_cast<std::int64_t>(engine() % m.rows().size()));
                break;
            case 4:
                r.deleted = std::nullopt;
                break;
            case 5:
                r.prev_revision = std::nullopt;
                break;
            default:
                break;
        }
    }
}

void drop_indexes(const std::string& path, const std::string& table) {
    for (const std::string& name :
         query(path, "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql <> '' AND tbl_name = '" +
                         table + "'")) {
        run_sql(path, "DROP INDEX \"" + name.substr(1, name.size() - 2) + '"');
    }
}

// Bytes this process read through system calls; nullopt where the kernel does not count them.
std::optional<std::uint64_t> bytes_read() {
    std::ifstream io("/proc/self/io");
    std::string name;
    std::uint64_t n = 0;
    while (io >> name >> n) {
        if (name == "rchar:") return n;
    }
    return std::nullopt;
}

}  // namespace

TEST_CASE("one key: a kine store answers by its indexes what a scan would, broken chains included") {
    std::size_t orphans = 0;
    for (std::uint32_t seed = 1; seed <= 8; ++seed) {
        CAPTURE(seed);
        const TempDir folder(fast_folder());
        KineMaker m = random_kine(seed, 60, seed % 2 == 0);
        m.gap();
        if (seed % 3 != 0) break_chains(m, seed);
        const std::string indexed = folder.file("indexed.db");
        const std::string plain = folder.file("plain.db");
        m.write(indexed, {.age = k_kine_ages[seed % 4], .wal = false});
        std::filesystem::copy_file(indexed, plain);
        drop_indexes(plain, "kine");
        std::vector<std::string> revisions;
        for (std::int64_t r = 1; r <= m.current(); r += 13) revisions.push_back(std::to_string(r));
        revisions.push_back(std::to_string(m.current()));
        for (const std::string& name : names_in(indexed)) compare_answers(indexed, plain, name, revisions);
        compare_answers(indexed, plain, "gap-" + std::to_string(m.current()), revisions);
        compare_answers(indexed, plain, "no such key", {"1"});
        const json du = run_json({"compact", "--dry-run", "--rev", revisions.back(), plain});
        if (du.contains("removed")) orphans += du["removed"]["orphans"].get<std::size_t>();
    }
    CHECK(orphans > 10);
}

TEST_CASE("one key: names that a column's affinity turns into numbers, and names stored as blobs") {
    const TempDir folder;
    const std::string indexed = folder.file("indexed.db");
    const std::string plain = folder.file("plain.db");
    KineMaker m;
    for (const char* name : {"123", "1e3", "12.50", "9223372036854775808", "/registry/x", "-7"})
        m.create(name, "v");
    m.write(indexed, {.age = KineAge::v0_5, .wal = false});
    run_sql(indexed, "UPDATE kine SET name = CAST(name AS BLOB) WHERE name = '/registry/x'");
    std::filesystem::copy_file(indexed, plain);
    drop_indexes(plain, "kine");
    CHECK(answer({"history", "123", plain})["live"] == true);
    for (const char* name :
         {"123", "0123", "1e3", "1000", "12.50", "12.5", "/registry/x", "-7", " 7", "7", "0"})
        compare_answers(indexed, plain, name, {"5"});
}

TEST_CASE("one key: a native store answers by its key index what a scan would, faulty rows included") {
    const TempDir folder;
    const std::string indexed = folder.file("indexed.db");
    const std::string plain = folder.file("plain.db");
    make_native(indexed, hazard_history().row_list(), {.key_index = true});
    run_sql(indexed,
            "INSERT INTO revision VALUES (20, 0, 0, 'text', 20, 1, 0, x'00'), (21, 0, 'x', x'626172', 21, 1, "
            "0, x'00'),"
            " (22, 0, 1, x'6b31', 0, 0, 0, x'00'), (23, 0, 0, 42, 23, 1, 0, NULL), (24, 0, 0, x'3432', 24, "
            "1, 0, NULL)");
    std::filesystem::copy_file(indexed, plain);
    drop_indexes(plain, "revision");
    for (const char* key : {"foo", "bar", "k1", "k2", "b", "text", "42", "none", ""})
        compare_answers(indexed, plain, key, {"4", "5", "7", "9", "22", "24"});
    const json faulty = run_json({"history", "k1", indexed});
    REQUIRE(faulty["findings"].size() == 1);
    CHECK(faulty["findings"][0]["code"] == "tombstone-value");
}

TEST_CASE("one key: reading it does not read the store") {
    const TempDir folder(fast_folder());
    KineMaker m;
    for (int i = 0; i < 8000; ++i) m.put("/registry/k" + std::to_string(i % 800), std::string(500, 'v'));
    const std::string kine = folder.file("kine.db");
    m.write(kine, {});
    const std::string native = folder.file("native.db");
    make_native(native, long_history(8000, 800, 500).row_list(), {.key_index = true, .wal = true});
    const std::string some_key = query_one(native, "SELECT CAST(key AS TEXT) FROM revision LIMIT 1");
    if (!bytes_read()) {
        MESSAGE("the kernel does not count what a process reads: skipped");
        return;
    }
    for (const auto& [path, key] :
         {std::pair(kine, std::string("/registry/k7")), std::pair(native, some_key)}) {
        CAPTURE(path);
        REQUIRE(std::filesystem::file_size(path) > 4'000'000);
        for (const char* command : {"get", "history", "explain", "index"}) {
            CAPTURE(command);
            const std::uint64_t before = *bytes_read();
            const Result r = run_cli({command, key, path});
            const std::uint64_t after = *bytes_read();
            CHECK(r.code == 0);
            CHECK(r.out.find(key) != std::string::npos);
            CHECK(after - before < 400'000);
        }
    }
}
