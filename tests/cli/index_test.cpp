#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_binary.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl::test;
using nlohmann::json;

namespace {

// The vectors' canonical text of a kvctl.index/1 document.
std::string canonical(const json& document) {
    std::map<std::string, naive::KeyIndex> index;
    for (const json& k : document.at("keys")) {
        naive::KeyIndex key;
        key.key = k.at("key").get<std::string>();
        key.modified = {k.at("modified")[0].get<std::int64_t>(), k.at("modified")[1].get<std::int64_t>()};
        for (const json& g : k.at("generations")) {
            naive::Generation one;
            one.ver = g.at("version").get<std::int64_t>();
            one.created = {g.at("created")[0].get<std::int64_t>(), g.at("created")[1].get<std::int64_t>()};
            for (const json& r : g.at("revisions"))
                one.revs.push_back({r[0].get<std::int64_t>(), r[1].get<std::int64_t>()});
            key.generations.push_back(one);
        }
        index[key.key] = key;
    }
    return naive::index_text(index);
}

}  // namespace

TEST_CASE("index: the tree of the sample store in every format") {
    const TempDir folder;
    for (const bool key_index : {false, true}) {
        const std::string db = folder.file(key_index ? "k.db" : "s.db");
        make_native(db, sample_history().row_list(), {.key_index = key_index});
    }
    const Result text = run({.args = {"index", "s.db"}, .folder = folder.path().string()});
    CHECK(text.code == 0);
    check_expected("index.txt", text.out);
    const std::string db = folder.file("s.db");
    const json document = json::parse(run_cli({"index", "--json", db}).out);
    CHECK(document.at("schema") == "kvctl.index/1");
    const naive::Store model = naive::Store::reopened(naive::k_classic, sample_history().row_list(), -1);
    CHECK(canonical(document) == naive::index_text(model.index()));
    std::istringstream lines(run_cli({"index", "-w", "jsonl", db}).out);
    json keys = json::array();
    for (std::string line; std::getline(lines, line);) keys.push_back(json::parse(line));
    CHECK(keys == document.at("keys"));
    // One key, with and without an index that helps.
    for (const char* file : {"s.db", "k.db"}) {
        const json one = json::parse(run_cli({"index", "--json", "foo", folder.file(file)}).out);
        REQUIRE(one.at("keys").size() == 1);
        for (const json& k : document.at("keys")) {
            if (k.at("key") == "foo") CHECK(one.at("keys")[0] == k);
        }
        CHECK(json::parse(run_cli({"index", "--json", "nobody", folder.file(file)}).out).at("keys").empty());
    }
}

TEST_CASE("index: --rev shows the tree as a compaction would leave it, both rules") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    const std::vector<naive::Row> rows = sample_history().row_list();
    make_native(db, rows);
    const std::string bytes = read_file(db);
    for (const auto& rules : {naive::k_classic, naive::k_keep}) {
        for (std::int64_t at = 0; at <= 8; ++at) {
            naive::Store model = naive::Store::reopened(rules, rows, -1);
            REQUIRE(model.compact(at) == naive::Store::Answer::done);
            CAPTURE(at);
            const Result r = run_cli({"index", "--rev", std::to_string(at), "--json", "--tombstones",
                                      rules.keep_at_rev ? "keep-at-rev" : "classic", db});
            CHECK(canonical(json::parse(r.out)) == naive::index_text(model.index()));
        }
    }
    const Result future = run_cli({"index", "--rev", "9", "-w", "json", db});
    CHECK(future.code == 4);
    CHECK(has(future.err, "\"kind\":\"future-revision\""));
    CHECK(run_cli({"index", "--rev", "-1", db}).code == 2);
    CHECK(run_cli({"index", db, "a", "b"}).code == 2);
    CHECK(run_cli({"index"}).code == 2);
    CHECK(run_cli({"index", folder.file("none.db")}).code == 7);
    CHECK(read_file(db) == bytes);
}

TEST_CASE("index: a kine store has one too") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    KineMaker maker;
    maker.put("/a", "1");
    maker.put("/a", "2");
    maker.remove("/a");
    maker.gap();
    maker.put("/a", "3");
    maker.write(db);
    const json document = json::parse(run_cli({"index", "--json", db}).out);
    REQUIRE(document.at("keys").size() == 2);  // with the health key
    const json& a = document.at("keys")[0];
    CHECK(a.at("key") == "/a");
    CHECK(a.at("modified") == json::array({7, 0}));
    REQUIRE(a.at("generations").size() == 2);
    CHECK(a.at("generations")[0].at("revisions") == json::parse("[[3,0],[4,0],[5,0]]"));
    CHECK(a.at("generations")[1].at("created") == json::array({7, 0}));
    CHECK(json::parse(run_cli({"index", "--json", "/a", db}).out).at("keys")[0] == a);
    CHECK(run_cli({"index", "--tombstones", "classic", db}).code == 2);
}

TEST_CASE("index: a compaction that was cut short is said") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list(), {.meta = {{"scheduled_compact_rev", 5}}});
    const Result r = run_cli({"index", db});
    CHECK(r.code == 0);
    CHECK(has(r.err, "cut short"));
    CHECK(run_cli({"index", "-q", db}).err.empty());
    CHECK(run_cli({"index", "--json", db}).err.empty());
}
