#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/native_maker.hpp"
#include "tests/support/run_binary.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl::test;
using nlohmann::json;

namespace {}  // namespace

TEST_CASE("hash: the recorded numbers, in every format, rows in any order") {
    const TempDir folder;
    for (const bool shuffled : {false, true}) {
        const std::string db = folder.file("s.db");
        std::filesystem::remove(db);
        make_native(db, sample_history().row_list(), {.shuffled = shuffled});
        const std::vector<std::uint32_t> expected{1084519789, 1089167655, 1481841600, 3803789241,
                                                  4132529865, 245089237,  920944882,  2232368161};
        for (std::size_t i = 0; i < expected.size(); ++i) {
            const json h = json::parse(run_cli({"hash", "--rev", std::to_string(i + 1), "--json", db}).out);
            CHECK(h.at("hash_decimal") == expected[i]);
            CHECK(h.at("revision") == i + 1);
            CHECK(h.at("compact_revision") == -1);
        }
        const json current = json::parse(run_cli({"hashkv", "-w", "jsonl", db}).out);
        CHECK(current.at("schema") == "kvctl.hash/1");
        CHECK(current.at("hash") == "850f3c21");
        CHECK(current.at("hash_decimal") == 2232368161);
        CHECK(current.at("algorithm") == "etcd-hashkv");
    }
    const Result text = run({.args = {"hash", "s.db"}, .folder = folder.path().string()});
    CHECK(text.out == "s.db: hash 2232368161 (0x850f3c21) at revision 8, compact revision -1\n");
}

TEST_CASE("hash: --expect is 0 when it is that, 3 when it is not, 2 when it is no hash") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list());
    CHECK(run_cli({"hash", "--expect", "2232368161", db}).code == 0);
    CHECK(run_cli({"hash", "--expect", "0x850f3c21", db}).code == 0);
    CHECK(run_cli({"hash", "--expect", "0X850F3C21", "-q", db}).code == 0);
    CHECK(run_cli({"hash", "--expect", "850f3c21", db}).code == 0);
    const Result other = run_cli({"hash", "--expect", "2232368162", "--json", db});
    CHECK(other.code == 3);
    CHECK(json::parse(other.out).at("match") == false);
    for (const char* bad : {"", "0x", "x", "-1", "4294967296", "0x100000000", "12 "}) {
        CAPTURE(std::string(bad));
        CHECK(run_cli({"hash", "--expect", bad, db}).code == 2);
    }
}

TEST_CASE("hash: below the compact revision, at it, and beyond the current one, by release") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    const auto compacted = [&](const char* rule) {
        std::filesystem::remove(db);
        make_native(db, sample_history().row_list());
        REQUIRE(run_cli({"compact", "--rev", "5", "--tombstones", rule, db}).code == 0);
    };
    const auto hash = [&](const std::vector<std::string>& options) {
        std::vector<std::string> args{"hash", "-w", "json", db};
        args.insert(args.end(), options.begin(), options.end());
        return run_cli(args);
    };
    compacted("classic");
    for (const char* rev : {"1", "4", "5"}) {
        const Result r = hash({"--rev", rev});
        CHECK(r.code == 4);
        CHECK(has(r.err, "\"kind\":\"compacted\""));
        CHECK(has(r.err, "s.db"));
    }
    CHECK(json::parse(hash({"--rev", "6"}).out).at("hash_decimal") == 644901378);
    CHECK(json::parse(hash({}).out).at("hash_decimal") == 2407730862);
    CHECK(hash({"--rev", "5", "--etcd-version", "3.4.26"}).code == 4);
    CHECK(hash({"--rev", "5", "--etcd-version", "3.4.27"}).code == 0);
    const Result future = hash({"--rev", "9"});
    CHECK(future.code == 4);
    CHECK(has(future.err, "\"kind\":\"future-revision\""));
    CHECK(hash({"--rev", "-1"}).code == 2);
    compacted("keep-at-rev");
    CHECK(json::parse(hash({"--rev", "5", "--tombstones", "keep-at-rev"}).out).at("hash_decimal") ==
          1499665312);
    CHECK(json::parse(hash({"--tombstones", "keep-at-rev"}).out).at("hash_decimal") == 2407730862);
}

TEST_CASE("hash: as it would be once compacted") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list());
    const std::string bytes = read_file(db);
    CHECK(json::parse(run_cli({"hash", "--compact-rev", "5", "--json", db}).out).at("hash_decimal") ==
          2407730862);
    CHECK(json::parse(run_cli({"hash", "--compact-rev", "5", "--rev", "7", "--json", db}).out)
              .at("hash_decimal") == 1661059101);
    const Result future = run_cli({"hash", "--compact-rev", "9", "--rev", "8", "-w", "json", db});
    CHECK(future.code == 4);
    CHECK(has(future.err, "\"kind\":\"future-revision\""));
    CHECK(read_file(db) == bytes);
}

TEST_CASE("hash: a key at a time finds the one that differs") {
    const TempDir folder;
    const std::string a = folder.file("a.db");
    const std::string b = folder.file("b.db");
    std::vector<naive::Row> rows = sample_history().row_list();
    make_native(a, rows);
    rows[4].value = "other";
    make_native(b, rows);
    const json x = json::parse(run_cli({"hash", "--per-key", "--json", a}).out);
    const json y = json::parse(run_cli({"hash", "--per-key", "--json", b}).out);
    CHECK(x.at("hash_decimal") == 2232368161);
    CHECK(x.at("hash") != y.at("hash"));
    REQUIRE(x.at("keys").size() == 5);
    for (std::size_t i = 0; i < 5; ++i) {
        CAPTURE(i);
        CHECK((x.at("keys")[i] == y.at("keys")[i]) == (x.at("keys")[i].at("key") != "foo"));
    }
}
