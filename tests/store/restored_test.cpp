// Stores that `snapshot restore --bump-revision --mark-compacted` made (etcd.md 5.3): the rows it adds are
// markers.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/bbolt_image.hpp"
#include "tests/support/data.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using test::has;
using test::Result;
using test::run_cli;
using test::TempDir;
using test::testdata;
using json = nlohmann::json;

namespace {

json document(std::vector<std::string> args) {
    args.insert(args.begin() + 1, "--json");
    const Result r = run_cli(args);
    CAPTURE(args);
    CAPTURE(r.err);
    REQUIRE(r.code == 0);
    return json::parse(r.out);
}

// The file itself, and the native store that import makes of it.
std::vector<std::string> both_layouts(const TempDir& folder, const std::string& name) {
    const std::string native = folder.file(name + ".native");
    REQUIRE(run_cli({"import", testdata("cases/" + name + ".db"), "-o", native}).code == 0);
    return {testdata("cases/" + name + ".db"), native};
}

std::vector<std::string> codes(const json& check) {
    std::vector<std::string> all;
    for (const json& f : check["findings"])
        all.push_back(f["severity"].get<std::string>() + " " + f["code"].get<std::string>());
    return all;
}

}  // namespace

TEST_CASE("restored: a mark of a restore is no compaction that was cut short") {
    const TempDir folder;
    for (const std::string& path : both_layouts(folder, "restored-bumped")) {
        CAPTURE(path);
        const std::string words =
            "a restore marked revision 1031; the server carries it out at its first start";
        const Result checked = run_cli({"check", path});
        CHECK(checked.code == 0);
        CHECK(has(checked.out, words));
        const Result status = run_cli({"status", path});
        CHECK(has(status.out, words));
        for (const std::vector<std::string>& args :
             std::vector<std::vector<std::string>>{{"get", "--rev", "1031", "a", path},
                                                   {"index", path},
                                                   {"du", path},
                                                   {"hash", path},
                                                   {"explain", "a", path},
                                                   {"compact", "-n", "--rev", "1031", path}}) {
            CAPTURE(args);
            const Result r = run_cli(args);
            CHECK(r.code == 0);
            CHECK(has(r.err, "note: "));
            CHECK(has(r.err, "restore-mark: a restore marked revision 1031"));
            CHECK_FALSE(has(r.out + r.err, "cut short"));
        }
        CHECK_FALSE(has(checked.out + status.out, "cut short"));
        CHECK_FALSE(has(status.out, "hint:"));
    }
}

TEST_CASE("restored: markers are no keys in any count or list") {
    const TempDir folder;
    for (const std::string& path : both_layouts(folder, "restored-bumped-twice")) {
        CAPTURE(path);
        const json status = document({"status", path});
        CHECK(status["revisions"]["current"] == 2004);
        CHECK(status["counts"]["revisions"] == 7);
        CHECK(status["counts"]["keys"] == 4);
        CHECK(status["counts"]["live_keys"] == 4);
        for (const json& key : document({"index", path})["keys"]) CHECK(key["key"] != "");
        CHECK(document({"index", "", path})["keys"].empty());
        const json du = document({"du", path});
        for (const char* list : {"keys", "prefixes"}) {
            for (const json& entry : du[list])
                CHECK(entry[list == std::string("keys") ? "key" : "prefix"] != "");
        }
        CHECK_FALSE(has(run_cli({"history", "", path}).out, "2004"));
        CHECK(document({"get", "", path})["count"] == 0);
        CHECK(document({"get", "", "--from-key", "--count-only", path})["count"] == 4);
        CHECK(codes(json::parse(run_cli({"check", "--json", path}).out)).front().starts_with("info "));
        CHECK(run_cli({"check", path}).code == 0);
    }
}

TEST_CASE("restored: a marker goes like any superseded row, and no rule of versions holds for it") {
    const TempDir folder;
    for (const std::string& path : both_layouts(folder, "restored-bumped-twice")) {
        CAPTURE(path);
        const json plan = document({"compact", "-n", "--rev", "2004", "--list", path});
        std::vector<std::string> removed;
        for (const json& r : plan["removed_revisions"]) {
            removed.push_back(std::to_string(r["main"].get<int>()) + "." +
                              std::to_string(r["sub"].get<int>()));
            CHECK(r["reason"] == "superseded");
        }
        CHECK(removed == std::vector<std::string>{"2.0", "1003.0"});
        CHECK(plan["before"]["keys"] == 4);
        CHECK(plan["removed"]["keys"] == 0);
        for (const json& p : plan["prefixes"]) CHECK(p["prefix"] != "");
        CHECK(document({"hash", "--rev", "2004", path})["hash_decimal"] == 2376259168U);
    }
    // Native: carried out, and sound afterwards.
    const std::string native = folder.file("restored-bumped-twice.native");
    CHECK(run_cli({"compact", "--rev", "2004", native}).code == 0);
    const Result checked = run_cli({"check", native});
    CHECK(checked.code == 0);
    CHECK_FALSE(has(checked.out, "restore-mark"));
    CHECK(document({"status", native})["counts"]["revisions"] == 5);
}

TEST_CASE(
    "restored: a bump that wrapped makes a malformed row, and the revision is that of the last readable "
    "one") {
    const auto row = [](std::int64_t main, std::string_view key) {
        mvcc::Record r;
        r.revision = {main, 0};
        r.key = key;
        r.value = "v";
        r.create_revision = main;
        r.version = 1;
        return r;
    };
    test::BboltImage image = test::etcd_image({row(2, "a"), row(3, "b"), row(4, "c")});
    const std::string wrapped = test::be64(~std::uint64_t{5}) + "_" + test::be64(0);
    image.buckets["key"][wrapped] = "";
    image.buckets["meta"]["scheduledCompactRev"] = wrapped;
    image.buckets["meta"]["finishedCompactRev"] = std::string(mvcc::EncodedRevision({2, 0}, false).bytes());
    const test::TempFile db(image.build());
    const Result checked = run_cli({"check", db.path()});
    CHECK(checked.code == 3);
    CHECK(has(checked.out, "malformed-row"));
    CHECK(has(checked.out, "too large a --bump-revision"));
    const json status = document({"status", db.path()});
    CHECK(status["revisions"]["current"] == 4);
    CHECK(has(status["hints"].dump(), "negative"));
}
