#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kvctl/base/bytes.hpp"
#include "tests/support/bbolt_image.hpp"
#include "tests/support/real_data.hpp"
#include "tests/support/run_cli.hpp"

using namespace kvctl;
using nlohmann::json;
using test::Result;
using test::run_cli;
using test::TempFile;

namespace {

mvcc::Record put(mvcc::Revision at, std::string_view key, std::string_view value, std::int64_t created,
                 std::int64_t version, std::int64_t lease = 0) {
    mvcc::Record r;
    r.revision = at;
    r.key = key;
    r.value = value;
    r.create_revision = created;
    r.version = version;
    r.lease = lease;
    return r;
}

mvcc::Record tombstone(mvcc::Revision at, std::string_view key) {
    mvcc::Record r;
    r.revision = at;
    r.key = key;
    r.tombstone = true;
    return r;
}

// The small history of etcd.md, appendix A, and a leased key.
test::BboltImage sample() {
    return test::etcd_image(
        {put({2, 0}, "foo", "v1", 2, 1), put({3, 0}, "bar", "b1", 3, 1), put({4, 0}, "foo", "v2", 2, 2),
         tombstone({5, 0}, "foo"), put({6, 0}, "foo", "v3", 6, 1), put({7, 0}, "k1", "a", 7, 1),
         put({7, 1}, "k2", "b", 7, 1), tombstone({7, 2}, "bar"), put({8, 0}, "b", "1", 8, 1, 0x1234)});
}

Result run(std::vector<std::string> args, const TempFile& store) {
    args.push_back(store.path());
    return run_cli(args);
}

json parsed(const std::string& text) {
    const json j = json::parse(text, nullptr, false);
    REQUIRE_MESSAGE(!j.is_discarded(), text);
    return j;
}

}  // namespace

TEST_CASE("get: prints as etcdctl does") {
    const TempFile db(sample().build());
    struct Row {
        std::vector<std::string> args;
        const char* out;
    };
    const std::vector<Row> rows = {
        {{"get", "foo"}, "foo\nv3\n"},
        {{"get", "--rev", "4", "foo"}, "foo\nv2\n"},
        {{"get", "--rev", "5", "foo"}, ""},
        {{"get", "--rev", "0", "foo"}, "foo\nv3\n"},
        {{"get", "none"}, ""},
        {{"get", "k", "--prefix"}, "k1\na\nk2\nb\n"},
        {{"get", "foo", "--from-key", "--keys-only"}, "foo\n\nk1\n\nk2\n\n"},
        {{"get", "", "--prefix", "--print-value-only"}, "1\nv3\na\nb\n"},
        {{"get", "", "--prefix", "--count-only"}, "4\n"},
        {{"get", "b", "g"}, "b\n1\nfoo\nv3\n"},
        {{"get", "b", ""}, "b\n1\n"},
        {{"get", "", "--prefix", "--keys-only", "--order", "descend", "--limit", "2"}, "k2\n\nk1\n\n"},
        {{"get", "", "--prefix", "--print-value-only", "--sort-by", "modify", "--order", "DESCEND"},
         "1\na\nb\nv3\n"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.args);
        const Result r = run(row.args, db);
        CHECK(r.code == 0);
        CHECK(r.out == std::string(row.out));
        CHECK(r.err.empty());
    }
    CHECK(run({"get", "foo", "-q"}, db).out.empty());
}

TEST_CASE("get: JSON has etcdctl's shape") {
    const TempFile db(sample().build());
    const json one = parsed(run({"get", "b", "-w", "json"}, db).out);
    CHECK(one == json::parse(R"({"header":{"revision":8},"count":1,"kvs":[{"key":"Yg==","create_revision":8,
        "mod_revision":8,"version":1,"value":"MQ==","lease":4660}]})"));
    const json none = parsed(run({"get", "nothing", "-w", "json"}, db).out);
    CHECK(none == json::parse(R"({"header":{"revision":8},"count":0})"));
    const json part =
        parsed(run({"get", "", "--prefix", "--limit", "1", "--keys-only", "-w", "json"}, db).out);
    CHECK(part["more"] == true);
    CHECK(part["count"] == 4);
    CHECK(part["kvs"].size() == 1);
    CHECK_FALSE(part["kvs"][0].contains("value"));
    CHECK_FALSE(parsed(run({"get", "", "--prefix", "--count-only", "-w", "json"}, db).out).contains("kvs"));
    const std::string lines = run({"get", "k", "--prefix", "-w", "jsonl"}, db).out;
    CHECK(parsed(lines.substr(0, lines.find('\n')))["type"] == "kv");
    CHECK(parsed(lines.substr(lines.rfind('\n', lines.size() - 2) + 1))["type"] == "summary");
}

TEST_CASE("get: revisions out of reach and options at odds") {
    test::BboltImage image = sample();
    image.buckets["meta"]["scheduledCompactRev"] = std::string(mvcc::EncodedRevision({4, 0}, false).bytes());
    image.buckets["meta"]["finishedCompactRev"] = std::string(mvcc::EncodedRevision({3, 0}, false).bytes());
    const TempFile db(image.build());
    Result r = run({"get", "foo", "--rev", "9"}, db);
    CHECK(r.code == 4);
    CHECK(r.err.find("required revision is a future revision") != std::string::npos);
    CHECK(r.err.find("is 8") != std::string::npos);
    // A compaction to 4 was scheduled: reads below it are refused though it is not finished.
    r = run({"get", "foo", "--rev", "3", "-w", "json"}, db);
    CHECK(r.code == 4);
    CHECK(parsed(r.err)["error"]["kind"] == "compacted");
    r = run({"get", "foo", "--rev", "4"}, db);
    CHECK(r.code == 0);
    CHECK(r.out == "foo\nv2\n");
    CHECK(r.err.find("a compaction to revision 4 was cut short") != std::string::npos);
    CHECK(parsed(run({"get", "foo", "-w", "json"}, db).out)["warnings"].size() == 1);
    for (const std::vector<std::string>& args :
         std::vector<std::vector<std::string>>{{"get", "a", "--prefix", "--from-key"},
                                               {"get", "a", "b", "--prefix"},
                                               {"get", "a", "--keys-only", "--count-only"},
                                               {"get", "a", "--print-value-only", "-w", "json"},
                                               {"get", "a", "--order", "sideways"},
                                               {"get", "a", "--sort-by", "SIZE"},
                                               {"get", "a", "--rev", "-1"},
                                               {"get", "a", "--limit", "x"},
                                               {"get"}}) {
        CAPTURE(args);
        CHECK(run(args, db).code == 2);
    }
}

TEST_CASE("history: every stored revision by generation") {
    const TempFile db(sample().build());
    const json j = parsed(run({"history", "foo", "-w", "json", "--values"}, db).out);
    CHECK(j["schema"] == "kvctl.history/1");
    CHECK(j["key"] == "foo");
    CHECK(j["live"] == true);
    REQUIRE(j["generations"].size() == 2);
    CHECK(j["generations"][0]["created"] == json({2, 0}));
    CHECK(j["generations"][0]["version"] == 3);
    CHECK(j["generations"][0]["revisions"].size() == 3);
    CHECK(j["generations"][0]["revisions"][1]["value"] == "djI=");
    CHECK(j["generations"][0]["revisions"][2]["tombstone"] == true);
    CHECK(j["generations"][0]["revisions"][2]["value"].is_null());
    CHECK(j["generations"][1]["revisions"][0]["version"] == 1);
    CHECK(parsed(run({"history", "b", "-w", "json"}, db).out)["generations"][0]["revisions"][0]["lease"] ==
          "1234");

    const Result text = run({"history", "bar"}, db);
    CHECK(text.out.starts_with("bar: deleted, 1 generation\n"));
    CHECK(text.out.find("7.2") != std::string::npos);
    CHECK(run({"history", "bar", "--values"}, db).out.find("3.0 = b1") != std::string::npos);
    const Result none = run({"history", "none"}, db);
    CHECK(none.code == 0);
    CHECK(none.out == "none: no revision is stored\n");
    const std::string lines = run({"history", "foo", "-w", "jsonl"}, db).out;
    CHECK(std::count(lines.begin(), lines.end(), '\n') == 5);
    CHECK(run({"history"}, db).code == 2);
}

TEST_CASE("history: rows that the index does not know are shown apart") {
    test::BboltImage image = test::etcd_image({tombstone({5, 0}, "gone"), put({6, 0}, "x", "y", 6, 1)});
    const TempFile db(image.build());
    const json j = parsed(run({"history", "gone", "-w", "json"}, db).out);
    CHECK(j["generations"].empty());
    CHECK(j["unindexed"]["revisions"].size() == 1);
    CHECK(run({"history", "gone"}, db).out.find("5.0") != std::string::npos);
    const json kept = parsed(run({"history", "gone", "-w", "json", "--tombstones", "keep-at-rev"}, db).out);
    // 3.4.45 takes a lone tombstone into the index.
    CHECK(kept["generations"].size() == 1);
}

TEST_CASE("explain: by key and by revision") {
    const TempFile db(sample().build());
    const json j = parsed(run({"explain", "foo", "--rev", "5", "-w", "json"}, db).out);
    CHECK(j["schema"] == "kvctl.explain/1");
    CHECK(j["key"] == "foo");
    CHECK(j["target"] == 5);
    REQUIRE(j["revisions"].size() == 4);
    CHECK(j["revisions"][0] ==
          json::parse(R"({"main":2,"sub":0,"tombstone":false,"bytes":5,"verdict":"remove",
        "reason":"superseded","by":{"main":4,"sub":0}})"));
    CHECK(j["revisions"][2]["reason"] == "tombstone");
    CHECK(j["revisions"][2]["by"].is_null());
    CHECK(j["revisions"][3]["verdict"] == "keep");
    CHECK(parsed(run({"explain", "foo", "--rev", "5", "-w", "json", "--tombstones", "keep-at-rev"}, db)
                     .out)["revisions"][2]["reason"] == "tombstone-at-target");

    const json at = parsed(run({"explain", "--at", "7", "--rev", "8", "-w", "json"}, db).out);
    CHECK_FALSE(at.contains("key"));
    REQUIRE(at["revisions"].size() == 3);
    CHECK(at["revisions"][0]["key"] == "k1");
    CHECK(at["revisions"][2]["reason"] == "tombstone");
    CHECK(parsed(run({"explain", "--at", "7.1", "-w", "json"}, db).out)["revisions"].size() == 1);
    CHECK(run({"explain", "foo"}, db).out.find("superseded by 4.0") != std::string::npos);
    CHECK(run({"explain", "foo", "--rev", "99"}, db).code == 4);
    CHECK(run({"explain", "--at", "99"}, db).code == 4);
    CHECK(run({"explain", "foo", "--at", "7"}, db).code == 2);
    CHECK(run({"explain", "--at", "x"}, db).code == 2);
    CHECK(run({"explain"}, db).code == 2);
}

TEST_CASE("explain: a live revision that etcd would lose is a finding") {
    test::BboltImage image =
        test::etcd_image({put({8, 0}, "b", "1", 8, 1), tombstone({9, 0}, "b"), put({9, 4}, "b", "2", 9, 1)});
    const TempFile db(image.build());
    const json j = parsed(run({"explain", "b", "--tombstones", "keep-at-rev", "-w", "json"}, db).out);
    REQUIRE(j["findings"].size() == 1);
    CHECK(j["findings"][0]["code"] == "lost-live-revision");
    CHECK(parsed(run({"explain", "b", "-w", "json"}, db).out)["findings"].empty());
}

TEST_CASE("du: totals, prefixes and keys") {
    const TempFile db(sample().build());
    const json j = parsed(run({"du", "-w", "json"}, db).out);
    CHECK(j["schema"] == "kvctl.du/1");
    CHECK(j["store"]["layout"] == "bbolt");
    CHECK(j["total"]["revisions"] == 9);
    CHECK(j["total"]["tombstones"] == 2);
    CHECK(j["total"]["keys"] == 5);
    CHECK(j["total"]["live_keys"] == 4);
    CHECK(j["total"]["bytes"] == 34);
    CHECK(j["total"]["live_bytes"] == 13);
    CHECK(j["prefixes"][0]["prefix"] == "foo");
    CHECK(j["keys"][0]["key"] == "foo");
    CHECK(parsed(run({"du", "-w", "json", "--top", "1"}, db).out)["prefixes_truncated"] == true);
    CHECK(parsed(run({"du", "-w", "json", "--under", "k"}, db).out)["total"]["keys"] == 2);
    const std::string text = run({"top", "--sort", "name"}, db).out;
    CHECK(text.find("34 B of keys and values, 13 B live; compacting to revision ") != std::string::npos);
    CHECK(text.find("\nprefix ") != std::string::npos);
    CHECK(run({"du", "--sort", "colour"}, db).code == 2);
    CHECK(run({"du", "--rev", "9"}, db).code == 4);
    CHECK(run({"du", "x"}, db).code == 2);
}

TEST_CASE(
    "inspecting a real data dir: reads at each recorded revision, and the predicted compaction by key") {
    for (const test::RealData& data : test::real_data()) {
        CAPTURE(data.name);
        for (const auto& get : data.expected["online"]["get_prefix_empty"]) {
            const std::int64_t rev = get["rev"].get<std::int64_t>();
            CAPTURE(rev);
            const Result r =
                run_cli({"get", "--prefix", "", "--rev", std::to_string(rev), "-w", "json", data.data_dir});
            if (!get["error"].get<std::string>().empty()) {
                CHECK(r.code == 4);
                continue;
            }
            const json out =
                get["out"].is_string() ? parsed(get["out"].get<std::string>()) : json(get["out"]);
            const json ours = parsed(r.out);
            CHECK(ours["kvs"] == out["kvs"]);
            CHECK(ours["count"] == out["count"]);
            CHECK(ours["header"]["revision"] == out["header"]["revision"]);
        }
        for (const auto& run : data.expected["db"]["runs"]) {
            const auto& step = run["steps"][0];
            if (!step["error"].get<std::string>().empty()) continue;
            // The server that compacted was a 3.4.23; its db says no more than 3.4.
            const json du = parsed(
                run_cli({"du", "--tombstones", "classic", "--rev", step["rev"].dump(), "-w", "json", data.db})
                    .out);
            CHECK(du["total"]["freed_revisions"] == step["removed"]);
        }
    }
}
