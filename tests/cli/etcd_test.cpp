// What commands say of an etcd db as a whole: whose rules it follows, which transaction is read, its alarms,
// leases and buckets, and rows that cannot be read.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kvctl/bbolt/sha256.hpp"
#include "tests/support/bbolt_image.hpp"
#include "tests/support/data.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using test::BboltImage;
using test::has;
using test::Result;
using test::run_cli;
using test::TempDir;
using test::TempFile;
using json = nlohmann::json;
using Args = std::vector<std::string>;

namespace {

mvcc::Record put(std::int64_t main, std::string_view key, std::int64_t created, std::int64_t version) {
    mvcc::Record r;
    r.revision = {main, 0};
    r.key = key;
    r.value = "v";
    r.create_revision = created;
    r.version = version;
    return r;
}

mvcc::Record tombstone(std::int64_t main, std::string_view key) {
    mvcc::Record r;
    r.revision = {main, 0};
    r.key = key;
    r.tombstone = true;
    return r;
}

// A tombstone exactly at 4.
BboltImage sample() {
    return test::etcd_image({put(2, "a", 2, 1), put(3, "b", 3, 1), tombstone(4, "a"), put(5, "b", 3, 2)});
}

json document(Args args) {
    args.insert(args.begin() + 1, "--json");
    const Result r = run_cli(args);
    CAPTURE(args);
    CAPTURE(r.err);
    REQUIRE(r.code == 0);
    return json::parse(r.out);
}

std::string alarm_of(std::uint64_t member, std::uint64_t type) {
    // AlarmMember{memberID, alarm}; ids below 128 are one byte.
    return {8, static_cast<char>(member), 16, static_cast<char>(type)};
}

const std::string k_member = R"({"id":5,"peerURLs":["http://localhost:2380"],"name":"m1","clientURLs":[]})";

}  // namespace

TEST_CASE("etcd: without a flag the rules are those of the release that wrote the store") {
    struct Row {
        const char* name;
        const char* storage;
        const char* cluster;
        const char* rule;
        bool both;  // outcomes are said
    };
    const Row rows[] = {
        {"3.7 by its storage version", "3.7.0", "3.5.0", "keep-at-rev", false},
        {"3.6 by its cluster version", "", "3.6.0", "keep-at-rev", false},
        {"3.5", "", "3.5.0", "keep-at-rev", true},
        {"3.4", "", "3.4.0", "keep-at-rev", true},
        {"3.3", "", "3.3.0", "classic", false},
        {"nothing", "", "", "classic", true},
        {"a version that is none", "x", "3.3.0", "classic", false},
    };
    const std::string both = "a tombstone stands exactly at revision 4 and ";
    const TempDir folder;
    for (const Row& row : rows) {
        CAPTURE(std::string(row.name));
        BboltImage image = sample();
        if (*row.storage != 0) image.buckets["meta"]["storageVersion"] = row.storage;
        if (*row.cluster != 0) image.buckets["cluster"]["clusterVersion"] = row.cluster;
        const TempFile db(image.build());
        const std::string native = folder.file(std::string(row.name) + ".native");
        REQUIRE(run_cli({"import", db.path(), "-o", native}).code == 0);
        for (const std::string& path : {db.path(), native}) {
            CAPTURE(path);
            const bool told = *row.storage != 0 || *row.cluster != 0;
            const bool keeps = path == db.path() || told ? std::string(row.rule) == "keep-at-rev" : false;
            const bool open = row.both && (path == db.path() || told);
            const json plan = document({"compact", "-n", "--rev", "4", path});
            CHECK(plan["tombstone_rule"] == (keeps ? "keep-at-rev" : "classic"));
            CHECK(plan["kept"]["tombstones"] == (keeps ? 1 : 0));
            CHECK(has(plan["warnings"].dump(), both) == open);
            CHECK(document({"index", "--rev", "4", path})["keys"].size() == (keeps ? 2 : 1));
            CHECK(has(run_cli({"index", "--rev", "4", path}).err, both) == open);
            CHECK(has(run_cli({"explain", "--rev", "4", "a", path}).out, "tombstone exactly at 4") == keeps);
            CHECK(has(run_cli({"explain", "--rev", "4", "a", path}).err, both) == open);
            CHECK(document({"du", "--rev", "4", path})["total"]["freed_revisions"] == (keeps ? 1 : 2));
            // Nothing is left open at another revision, or once a rule is asked for.
            CHECK_FALSE(has(run_cli({"compact", "-n", "--rev", "3", path}).err, "tombstone"));
            for (const char* asked : {"classic", "keep-at-rev"}) {
                const Result r =
                    run_cli({"compact", "-n", "--json", "--tombstones", asked, "--rev", "4", path});
                CHECK(json::parse(r.out)["tombstone_rule"] == asked);
                CHECK_FALSE(has(r.out, both));
            }
        }
    }
}

TEST_CASE(
    "etcd: a snapshot of 3.7 keeps the tombstone at the target, in the db and in a native store of it") {
    const TempDir folder;
    const std::string db = test::testdata("cases/default-rule-on-3.7.db");
    const std::string native = folder.file("native");
    REQUIRE(run_cli({"import", db, "-o", native}).code == 0);
    for (const std::string& path : {db, native}) {
        const json plan = document({"compact", "-n", "--rev", "12", path});
        CHECK(plan["removed"]["revisions"] == 8);
        CHECK(plan["kept"]["tombstones"] == 1);
        CHECK(has(run_cli({"explain", "k1", "--rev", "12", path}).out, "tombstone exactly at 12"));
        CHECK(run_cli({"check", path}).code == 0);
    }
    // What import found goes on through the next import and through a compaction.
    REQUIRE(run_cli({"compact", "--rev", "12", "--strategy", "rewrite", native}).code == 0);
    CHECK(document({"status", native})["meta"]["etcd_storage_version"] == 30700);
    CHECK(document({"status", native})["counts"]["tombstones"] == 1);
    // HashKV at the compact revision is answered and leaves the tombstone out, as 3.7 does.
    CHECK(run_cli({"hash", "--rev", "12", native}).code == 0);
    CHECK(run_cli({"hash", "--rev", "12", "--tombstones", "classic", native}).code == 4);
}

TEST_CASE("etcd: a snapshot taken at an odd transaction is sound") {
    const Result r = run_cli({"check", test::testdata("cases/snapshot-odd-txid.db")});
    CHECK(r.code == 0);
    CHECK(has(r.out, "sound"));
}

TEST_CASE("etcd: every command says which transaction is read where the newest one is unreadable") {
    BboltImage image = sample();
    image.buckets["cluster"]["clusterVersion"] = "3.6.0";
    std::string bytes = image.build();
    test::patch(bytes, image.page_size * (image.txid % 2) + 16 + 56, test::le64(1));
    const TempFile db(bytes);
    const TempDir folder;
    const std::string words = "as of transaction 10; transaction 11 is unreadable";
    const std::vector<Args> commands{{"get", "b"},
                                     {"index"},
                                     {"hash"},
                                     {"du"},
                                     {"history", "b"},
                                     {"explain", "b"},
                                     {"compact", "-n", "--rev", "4"},
                                     {"import", "-o", folder.file("imported")}};
    for (Args args : commands) {
        CAPTURE(args.front());
        args.push_back(db.path());
        const Result text = run_cli(args);
        CHECK(text.code == 0);
        CHECK(has(text.err, words));
        if (args.front() == "import") args[2] += ".again";
        CHECK(has(document(args).at("warnings").dump(), words));
    }
    CHECK(has(run_cli({"export", db.path()}).err, words));
    CHECK(has(run_cli({"status", db.path()}).out, words));
    CHECK(has(document({"status", db.path()})["hints"].dump(), words));
    const Result checked = run_cli({"check", db.path()});
    CHECK(checked.code == 3);
    CHECK(has(checked.out, "bbolt-meta"));
    CHECK(has(checked.out, words));
}

TEST_CASE("etcd: a snapshot cut in its digest is a finding, one without is a note") {
    const std::string pages = sample().build();
    const std::string snapshot = pages + bbolt::sha256(pages);
    const TempFile whole(snapshot, "snap.db");
    CHECK(run_cli({"check", whole.path()}).out.starts_with(whole.path() + ": bbolt store, sound\n"));
    const TempFile cut(snapshot.substr(0, snapshot.size() - 5), "snap.db");
    const Result checked = run_cli({"check", cut.path()});
    CHECK(checked.code == 3);
    CHECK(has(checked.out, "bbolt-length"));
    CHECK(has(run_cli({"get", "b", cut.path()}).err, "cut short in the SHA-256 at its end"));
    // Nothing to compact, whatever the damage.
    CHECK_FALSE(document({"compact", "-n", "--keep-last", "100", cut.path()}).contains("refusal"));
    CHECK(document({"compact", "-n", "--keep-last", "1", cut.path()})["refusal_kind"] == "damaged");
    CHECK(run_cli({"compact", "--keep-last", "100", cut.path()}).code == 0);
    const TempFile without(pages, "snap.db");
    const Result noted = run_cli({"check", without.path()});
    CHECK(noted.code == 0);
    CHECK(has(noted.out, "info: no-digest"));
    // A data dir's own db has none, and one with room at its end is no snapshot.
    const TempFile of_dir(pages, "member/snap/db");
    CHECK_FALSE(has(run_cli({"check", of_dir.path()}).out, "no-digest"));
    const TempFile roomy(pages + std::string(4096, '\0'), "db");
    CHECK_FALSE(has(run_cli({"check", roomy.path()}).out, "no-digest"));
}

TEST_CASE("etcd: alarms are shown with their member and the way to disarm them") {
    BboltImage image = sample();
    image.buckets["members"]["5"] = k_member;
    image.buckets["alarm"][alarm_of(5, 1)] = "";
    image.buckets["alarm"][alarm_of(6, 2)] = "";
    // What a restore leaves of the cluster before; nobody reads it.
    image.buckets["meta"]["confState"] = R"({"voters":[119],"auto_leave":false})";
    const TempFile db(image.build());
    const Result checked = run_cli({"check", db.path()});
    CHECK(checked.code == 3);
    CHECK(has(checked.out, "warning: alarm: bucket alarm: NOSPACE of member m1 (5)"));
    CHECK(has(checked.out, "CORRUPT of member 6, which is no member"));
    CHECK(has(checked.out, "etcdctl alarm disarm"));
    const Result text = run_cli({"status", db.path()});
    CHECK(has(text.out, "alarm      NOSPACE of member m1 (5)"));
    CHECK(has(text.out, "etcdctl alarm disarm"));
    const json etcd = document({"status", db.path()})["etcd"];
    CHECK(etcd["alarms"] ==
          json::parse(R"([{"member":"5","type":"NOSPACE"},{"member":"6","type":"CORRUPT"}])"));
    CHECK(etcd["members"] == json::parse(R"([{"id":"5","name":"m1","learner":false}])"));
}

TEST_CASE("etcd: status shows versions, members, leases and the space of each bucket, unknown ones too") {
    BboltImage image = sample();
    image.buckets["meta"]["storageVersion"] = "3.7.0";
    image.buckets["cluster"]["clusterVersion"] = "3.7.0";
    image.buckets["members"]["5"] = k_member;
    image.buckets["members"]["a"] = R"({"id":10,"isLearner":true})";
    for (std::uint64_t id = 1; id <= 6000; ++id) {
        // Lease{ID, TTL}: a minute, and once an hour.
        std::string value{8};
        value += {static_cast<char>(0x80 | (id & 0x7F)), static_cast<char>(id >> 7), 16};
        value += id == 77 ? std::string{static_cast<char>(0x90), 28} : std::string{60};
        image.buckets["lease"][test::be64(id)] = value;
    }
    for (int i = 0; i < 300; ++i) image.buckets["other"]["k" + std::to_string(i)] = std::string(100, 'x');
    const TempFile db(image.build());
    const json etcd = document({"status", db.path()})["etcd"];
    CHECK(etcd["cluster_version"] == "3.7.0");
    CHECK(etcd["storage_version"] == "3.7.0");
    CHECK(etcd["members"][1] == json::parse(R"({"id":"a","name":"","learner":true})"));
    CHECK(etcd["leases"] == json::parse(R"({"count":6000,"ttl_min":60,"ttl_max":3600})"));
    std::uint64_t pages = 0;
    for (const json& bucket : etcd["buckets"]) {
        pages += bucket["pages"].get<std::uint64_t>();
        if (bucket["name"] == "other") {
            CHECK(bucket["keys"] == 300);
            CHECK(bucket["bytes"] == 300 * 100 + 10 * 2 + 90 * 3 + 200 * 4);
        }
        if (bucket["name"] == "key")
            CHECK(bucket == json::parse(R"({"name":"key","keys":4,"bytes":108,"pages":0})"));
    }
    // Metas and the root's leaf are of no bucket.
    CHECK(pages == image.pages() - 3);
    const std::string text = run_cli({"status", db.path()}).out;
    CHECK(has(text, "leases     6,000, TTL 60 to 3600 s"));
    CHECK(has(text, "buckets    lease: 6,000 keys"));
    // The same by du, those with most pages first.
    const json du = document({"du", db.path(), "--by", "bucket"});
    CHECK(du["by"] == "bucket");
    CHECK(du["group_count"] == etcd["buckets"].size());
    REQUIRE(du["groups"].size() == etcd["buckets"].size());
    CHECK(du["groups"][0]["name"] == "lease");
    for (const json& bucket : etcd["buckets"]) {
        CAPTURE(bucket.dump());
        const bool known = std::any_of(du["groups"].begin(), du["groups"].end(), [&](const json& group) {
            return group["name"] == bucket["name"] && group["keys"] == bucket["keys"] &&
                   group["bytes"] == bucket["bytes"] && group["pages"] == bucket["pages"];
        });
        CHECK(known);
    }
    CHECK(has(run_cli({"du", "--by", "bucket", db.path()}).out, "\nbucket "));
    CHECK(has(text, "other: 300 keys"));
    CHECK(has(text, "without a name (a), a learner"));
}

TEST_CASE("etcd: where the last row cannot be read, nothing older is given in its place") {
    struct Row {
        const char* name;
        std::string key;
        std::string value;
        std::int64_t current;
    };
    const std::string six(mvcc::EncodedRevision({6, 0}, false).bytes());
    const Row rows[] = {
        {"a row key cut short", six.substr(0, 16), "\n\1b", 5},
        {"a negative main", test::be64(~std::uint64_t{5}) + "_" + test::be64(0), "\n\1b", 5},
        {"a value that is no message", six, "\n\x7f", 6},
    };
    for (const Row& row : rows) {
        CAPTURE(std::string(row.name));
        BboltImage image = sample();
        image.buckets["key"][row.key] = row.value;
        image.buckets["meta"]["finishedCompactRev"] =
            std::string(mvcc::EncodedRevision({2, 0}, false).bytes());
        image.buckets["meta"]["scheduledCompactRev"] =
            std::string(mvcc::EncodedRevision({2, 0}, false).bytes());
        const TempFile db(image.build());
        const TempDir folder;
        for (const Args& args : std::vector<Args>{{"get", "b", db.path()},
                                                  {"history", "b", db.path()},
                                                  {"explain", "b", db.path()},
                                                  {"index", db.path()},
                                                  {"hash", db.path()},
                                                  {"export", db.path()},
                                                  {"import", db.path(), "-o", folder.file("native")}}) {
            CAPTURE(args.front());
            const Result r = run_cli(args);
            CHECK(r.code == 6);
            CHECK(has(r.err, "kvctl check"));
        }
        CHECK_FALSE(std::filesystem::exists(folder.file("native")));
        CHECK(document({"status", db.path()})["revisions"]["current"] == row.current);
        const Result checked = run_cli({"check", db.path()});
        CHECK(checked.code == 3);
        CHECK(has(checked.out, "malformed-row"));
    }
}

TEST_CASE("etcd: no command reads past a page that is damaged") {
    BboltImage image = test::etcd_image({put(2, "a", 2, 1), put(3, "b", 3, 1), put(4, "c", 4, 1),
                                         put(5, "d", 5, 1), put(6, "e", 6, 1), put(7, "f", 7, 1)},
                                        1024);
    image.max_elements = 4;
    for (int i = 0; i < 20; ++i)
        image.buckets["lease"][test::be64(i + 1)] = {8, static_cast<char>(i + 1), 16, 9};
    image.buckets["key"][std::string(mvcc::EncodedRevision({8, 0}, false).bytes())] =
        std::string(300, '\x7f');
    image.buckets["key"].rbegin()->second = [] {
        std::string value;
        mvcc::Record r = put(8, "g", 8, 1);
        const std::string text(300, 'x');
        r.value = text;
        mvcc::append_key_value(value, r);
        return value;
    }();
    std::string bytes = image.build();
    REQUIRE(image.root_of("key") != 0);
    // The last leaf of the rows: one element less.
    std::size_t leaf = 0;
    for (const std::uint64_t id : image.pages_with(2)) {
        if (has(bytes.substr(id * 1024, 1024), std::string(300, 'x'))) leaf = id;
    }
    REQUIRE(leaf != 0);
    bytes[leaf * 1024 + 10] = static_cast<char>(bytes[leaf * 1024 + 10] - 1);
    const TempFile db(bytes);
    const TempDir folder;
    for (const Args& args : std::vector<Args>{{"status", db.path()},
                                              {"get", "f", db.path()},
                                              {"du", db.path()},
                                              {"index", db.path()},
                                              {"hash", db.path()},
                                              {"export", db.path()},
                                              {"compact", "-n", "--rev", "5", db.path()},
                                              {"import", db.path(), "-o", folder.file("native")}}) {
        CAPTURE(args.front());
        const Result r = run_cli(args);
        CHECK(r.code == 6);
        CHECK(has(r.err, "page " + std::to_string(leaf)));
        CHECK(has(r.err, "kvctl check"));
    }
    const Result checked = run_cli({"check", db.path()});
    CHECK(checked.code == 3);
    CHECK(has(checked.out, "bbolt-page"));
}

TEST_CASE("etcd: a db without a bucket meta is a finding of check, as it is a refusal elsewhere") {
    BboltImage image = sample();
    image.buckets.erase("meta");
    const TempFile db(image.build());
    const Result checked = run_cli({"check", db.path()});
    CHECK(checked.code == 3);
    CHECK(has(checked.out, "has no bucket \"meta\""));
    CHECK(run_cli({"vacuum", db.path()}).code == 6);
}

TEST_CASE("etcd: the parts that status tells add up to the file, also where the rows stand inline") {
    const TempFile db(sample().build());
    const json b = document({"status", db.path()})["bytes"];
    std::uint64_t sum = 0;
    for (const char* const part : {"live", "history", "tombstones", "free", "indexes", "other", "overhead"})
        sum += b.at(part).get<std::uint64_t>();
    CHECK(sum == std::filesystem::file_size(db.path()));
}

TEST_CASE("etcd: status of a data dir whose wal is empty tells the db, and that there is no log") {
    const TempDir dir;
    std::filesystem::create_directories(dir.file("member/wal"));
    std::filesystem::create_directories(dir.file("member/snap"));
    test::write_file(dir.file("member/snap/db"), sample().build());
    const json status = document({"status", dir.path().string()});
    CHECK(status["revisions"]["current"] == 5);
    CHECK(status["raft_log"].is_null());
    CHECK(has(status["hints"].dump(), "no .wal files"));
}

TEST_CASE("etcd: rows whose order is damaged are neither imported nor exported") {
    BboltImage image = sample();
    image.max_elements = 2;
    std::string bytes = image.build();
    // The first row's key becomes one far above the branch's next.
    const std::uint64_t leaf = [&] {
        const std::string first(mvcc::EncodedRevision({2, 0}, false).bytes());
        for (const std::uint64_t id : image.pages_with(2)) {
            if (has(bytes.substr(id * image.page_size, image.page_size), first)) return id;
        }
        return std::uint64_t{0};
    }();
    REQUIRE(leaf != 0);
    const std::size_t key = image.element_at(leaf, 1) + 2;
    bytes[key] = static_cast<char>(bytes[key] ^ 0x20);
    const TempFile db(bytes);
    const TempDir folder;
    for (const Args& args :
         std::vector<Args>{{"export", db.path()},
                           {"import", db.path(), "-o", folder.file("new")},
                           {"import", "--to", "kine", db.path(), "-o", folder.file("new")},
                           {"import", "--to", "bbolt", db.path(), "-o", folder.file("new")}}) {
        CAPTURE(args);
        const Result r = run_cli(args);
        CHECK(r.code == 6);
        CHECK(r.out.empty());
        CHECK(has(r.err, "page " + std::to_string(leaf)));
        CHECK(has(r.err, "import --salvage"));
        CHECK_FALSE(std::filesystem::exists(folder.file("new")));
    }
}

TEST_CASE("etcd: a db behind its newest raft snapshot needs the .snap.db of that") {
    const std::string bytes = sample().build();  // at raft index 77
    const auto check = [&](const std::vector<std::string>& beside) {
        const TempFile db(bytes, "member/snap/db");
        for (const std::string& name : beside) test::write_file(db.folder() + "/member/snap/" + name, "x");
        return run_cli({"check", db.path()});
    };
    CHECK_FALSE(has(check({"0000000000000002-000000000000004d.snap"}).out, "snap-db-missing"));
    const Result missing = check({"0000000000000002-000000000000004e.snap"});
    CHECK(missing.code == 3);
    CHECK(has(missing.out, "error: snap-db-missing"));
    CHECK(has(missing.out, "kvctl replay"));
    CHECK_FALSE(has(check({"0000000000000002-000000000000004e.snap", "000000000000004e.snap.db"}).out,
                    "snap-db-missing"));
}

TEST_CASE("etcd: a key of 70,000 bytes is read by every command") {
    const std::string key = "/registry/" + std::string(70000, 'k');
    const TempDir folder;
    BboltImage image = test::etcd_image({put(2, key, 2, 1), put(3, key, 2, 2), put(4, "b", 4, 1)});
    const TempFile db(image.build());
    const std::string native = folder.file("native");
    REQUIRE(run_cli({"import", db.path(), "-o", native}).code == 0);
    for (const std::string& path : {db.path(), native}) {
        CAPTURE(path);
        const json du = document({"du", path});
        CHECK(du["keys"][0]["key"].get<std::string>().size() == key.size());
        CHECK(run_cli({"du", path}).code == 0);
        CHECK(run_cli({"check", path}).code == 0);
        CHECK(document({"get", key, path})["count"] == 1);
        CHECK(has(run_cli({"history", key, path}).out, "3.0"));
        CHECK(document({"index", path})["keys"].size() == 2);
        const json plan = document({"compact", "-n", "--rev", "3", path});
        CHECK(plan["removed"]["bytes"] == key.size() + 1);
    }
    CHECK(run_cli({"compact", "--rev", "3", native}).code == 0);
    CHECK(document({"get", key, native})["count"] == 1);
}
