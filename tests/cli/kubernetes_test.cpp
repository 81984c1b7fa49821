#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kvctl/sqlite/database.hpp"
#include "kvctl/store/open.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/kube_objects.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using nlohmann::json;
using test::has;
using test::run_cli;

namespace {

constexpr std::int64_t k_begin = 1'790'000'000;  // 2026-09-21T14:13:20Z
constexpr const char* k_lease = "/registry/leases/kube-node-lease/n1";
constexpr const char* k_map = "/registry/configmaps/default/shared";
constexpr const char* k_secret = "/registry/secrets/default/login";
constexpr const char* k_custom = "/registry/example.com/things/default/t";

// Two hours: a lease each ten seconds, a map that two controllers fight over, a custom resource rewritten.
test::KineMaker story(bool with_secret = true) {
    test::KineMaker k(true);
    for (std::int64_t i = 0; i < 720; ++i) {
        const std::int64_t now = k_begin + i * 10;
        k.put(k_lease, test::make_lease({"n1", "kube-node-lease", k_begin, {{"kubelet", now}}}, "n1", now));
        if (i % 60 == 0) {
            const bool a = i % 120 == 0;
            k.put(k_map, test::make_config_map(
                             {"shared",
                              "default",
                              k_begin,
                              {{a ? "ctrl-b" : "ctrl-a", now - 600}, {a ? "ctrl-a" : "ctrl-b", now}}},
                             {{"owner", a ? "a" : "b"}}));
            k.put(k_custom,
                  test::make_custom("example.com/v1", "Thing",
                                    {"t", "default", k_begin, {{"thing-controller", now}}}, R"({"a":1})"));
        }
        if (with_secret && (i == 100 || i == 200)) {
            k.put(k_secret, test::make_secret({"login",
                                               "default",
                                               k_begin,
                                               {{"kubectl", now}},
                                               {{"kubectl.kubernetes.io/last-applied-configuration",
                                                 R"({"data":{"password":"aHVudGVyMg=="}})"}}},
                                              {{"password", "hunter2"}, {"n", std::to_string(i)}}));
        }
    }
    if (with_secret) k.remove(k_secret);
    return k;
}

// Made once: it is only read.
const std::string& story_db() {
    static const test::TempDir dir;
    static const std::string path = [] {
        const std::string p = dir.file("state.db");
        story().write(p);
        return p;
    }();
    return path;
}

json report(const std::vector<std::string>& args, int code = 0) {
    std::vector<std::string> all = args;
    all.insert(all.end(), {"-w", "json", story_db()});
    const test::Result r = run_cli(all);
    CAPTURE(r.err);
    CHECK(r.code == code);
    return json::parse(code == 0 || code == 3 ? r.out : r.err);
}

json named(const json& rows, const std::string& name) {
    for (const json& row : rows) {
        if (row["name"] == name) return row;
    }
    return nullptr;
}

}  // namespace

TEST_CASE("get --decode: the object, its value beside it; a Secret without either") {
    const json kv = report({"get", "--decode", k_lease})["kvs"][0];
    CHECK(kv["object"]["kind"] == "Lease");
    CHECK(kv["object"]["spec"]["holderIdentity"] == "n1");
    CHECK(kv.contains("value"));
    CHECK(report({"get", "--decode", k_custom})["kvs"][0]["object"]["spec"]["a"] == 1);
    const json secret = report({"get", "--decode", "--rev", "1000000", k_secret}, 4);
    CHECK(secret["error"]["kind"] == "future-revision");
    const test::Result text = run_cli({"get", "--decode", k_map, story_db()});
    CHECK(has(text.out, "kind: ConfigMap\n"));
    CHECK(has(text.out, "data:\n  owner: b\n"));
    CHECK(run_cli({"get", "--reveal-secrets", k_map, story_db()}).code == 2);
}

TEST_CASE("history --decode, --diff: who wrote what, and from what to what") {
    const json history = report({"history", "--diff", "--values", k_map});
    const json& revisions = history["generations"][0]["revisions"];
    CHECK(revisions.size() == 12);
    CHECK(revisions[0]["diff"]["what"] == "create");
    CHECK(revisions[0]["time"] == "2026-09-21T14:13:20Z");
    CHECK(revisions[1]["diff"]["what"] == "change");
    CHECK(revisions[1]["diff"]["writer"] == "ctrl-b");
    CHECK(revisions[1]["error_seconds"] == 0);
    const json& field = revisions[1]["diff"]["fields"][0];
    CHECK(field["path"] == "data.owner");
    CHECK(field["before"] == "a");
    CHECK(field["after"] == "b");
    const test::Result text = run_cli({"history", "--diff", "--values", k_map, story_db()});
    CHECK(has(text.out, "change by ctrl-a\n      data.owner: \"b\" -> \"a\"\n"));
    CHECK(report({"history", "--decode", k_custom})["generations"][0]["revisions"][3]["object"]["kind"] ==
          "Thing");
    CHECK(report({"history", "--diff", k_custom})["generations"][0]["revisions"][3]["diff"]["what"] ==
          "no-op");
    CHECK(report({"history", "--diff", k_lease})["generations"][0]["revisions"][3]["diff"]["what"] ==
          "heartbeat");
    CHECK(run_cli({"history", "--diff", "--decode", k_map, story_db()}).code == 2);
    CHECK(run_cli({"history", "--reveal-secrets", k_map, story_db()}).code == 2);
}

TEST_CASE("history, explain: times where they are known, of a deletion by those around it") {
    const json history = report({"history", k_secret});
    const json& revisions = history["generations"][0]["revisions"];
    REQUIRE(revisions.size() == 3);
    CHECK(revisions[0]["time"] == "2026-09-21T14:30:00Z");
    CHECK(revisions[2]["tombstone"] == true);
    // It is the store's last row: behind every time.
    CHECK_FALSE(revisions[2].contains("time"));
    const json explained = report({"explain", k_lease});
    CHECK(explained["revisions"][5]["time"] == "2026-09-21T14:14:10Z");
    CHECK(has(run_cli({"explain", k_lease, story_db()}).out, "2026-09-21T14:14:10Z"));
    // In between, a deletion is told by its neighbours.
    test::KineMaker k = story(false);
    k.remove(k_custom);
    k.put(k_lease, test::make_lease({"n1", "kube-node-lease", k_begin}, "n1", k_begin + 7200));
    const test::TempDir dir;
    k.write(dir.file("s.db"));
    const json deleted = json::parse(run_cli({"history", k_custom, "-w", "json", dir.file("s.db")}).out);
    const json& last = deleted["generations"][0]["revisions"].back();
    CHECK(last["tombstone"] == true);
    CHECK(last["time"].get<std::string>().starts_with("2026-09-21T16:13:1"));
    CHECK(last["error_seconds"].get<int>() <= 10);
}

TEST_CASE("churn: no-ops, heartbeats, rates and the fields that change") {
    const json churn = report({"churn", "--by", "manager"});
    CHECK(churn["schema"] == "kvctl.churn/1");
    CHECK(churn["window"]["from"] == 2);
    CHECK(churn["window"]["from_time"] == "2026-09-21T14:13:20Z");
    const json kubelet = named(churn["rows"], "kubelet");
    CHECK(kubelet["writes"] == 720);
    CHECK(kubelet["heartbeats"] == 719);
    CHECK(kubelet["no_ops"] == 0);
    CHECK(kubelet["per_hour"].get<double>() > 350);
    CHECK(kubelet["per_hour"].get<double>() < 370);
    CHECK(named(churn["rows"], "thing-controller")["no_ops"] == 11);
    CHECK(named(churn["rows"], "ctrl-a")["writes"] == 6);
    CHECK(named(churn["rows"], "(unknown)")["writes"] == 2);  // the health key, and a deletion
    CHECK(churn["fields"][0]["path"] == "spec.renewTime");
    CHECK(churn["total"]["writes"] == 748);
    CHECK(named(report({"churn", "--by", "kind"})["rows"], "Thing")["writes"] == 12);
    CHECK(named(report({"churn", "--by", "namespace"})["rows"], "default")["keys"] == 3);
    // The last hour, by time and by revision; what was written at that very moment counts.
    CHECK(named(report({"churn", "--by", "manager", "--since", "1h"})["rows"], "kubelet")["writes"] == 361);
    const json since = report({"churn", "--since", "2026-09-21T15:13:20Z"});
    CHECK(since["window"]["from_time"] == "2026-09-21T15:13:20Z");
    CHECK(report({"churn", "--since", "2026-09-21T15:13:20Z", "--by", "key"})["rows"].size() == 4);
    CHECK(report({"churn", "--from", "2", "--to", "4"})["total"]["writes"] == 3);
    CHECK(report({"churn", "--under", k_map, "--top", "1"})["total"]["writes"] == 12);
    CHECK(
        has(run_cli({"churn", story_db()}).out, "748 writes in revisions 2 to 749, 2026-09-21T14:13:20Z to"));
    CHECK(run_cli({"churn", "--from", "9", "--to", "8", story_db()}).code == 2);
    CHECK(run_cli({"churn", "--to", "9999", story_db()}).code == 4);
    CHECK(run_cli({"churn", "--from", "2", "--since", "1h", story_db()}).code == 2);
    CHECK(run_cli({"churn", "--since", "soon", story_db()}).code == 2);
}

TEST_CASE("timeline: revisions against time, and a store without a clock says so") {
    const json timeline = report({"timeline"});
    CHECK(timeline["schema"] == "kvctl.timeline/1");
    CHECK(timeline["oldest"]["time"] == "2026-09-21T14:13:20Z");
    CHECK(timeline["newest"]["time"] == "2026-09-21T16:13:10Z");
    CHECK(timeline["points"].size() > 100);
    CHECK(timeline["dropped"] == 0);
    const json at = report({"timeline", "--at", "2026-09-21T15:00Z"});
    CHECK(at["time"].get<std::string>() <= "2026-09-21T15:00:00Z");
    CHECK(at["time"].get<std::string>() > "2026-09-21T14:59:40Z");
    const json of = report({"timeline", "--of", std::to_string(at["revision"].get<int>())});
    CHECK(of["time"] == at["time"]);
    CHECK(of["error_seconds"].get<int>() <= 10);
    CHECK(report({"timeline", "--at", "2027-01-01"})["error_seconds"] == nullptr);
    CHECK(report({"timeline", "--at", "2020-01-01"}, 4)["error"]["kind"] == "refused");
    CHECK(report({"timeline", "--of", "99999"}, 4)["error"]["kind"] == "future-revision");
    CHECK(has(run_cli({"timeline", story_db()}, {.out = true}).out, "####"));
    test::KineMaker plain(true);
    plain.put("/a", "x");
    const test::TempDir dir;
    plain.write(dir.file("s.db"));
    const test::Result none = run_cli({"timeline", dir.file("s.db")});
    CHECK(none.code == 4);
    CHECK(has(none.err, "no clock in the store"));
    CHECK(run_cli({"churn", "--since", "1h", dir.file("s.db")}).code == 4);
    CHECK(json::parse(run_cli({"churn", "-w", "json", dir.file("s.db")}).out)["rows"][0]["per_hour"] ==
          nullptr);
}

TEST_CASE("compact --keep-within: a dry run and the real one, behind a transaction that was cut short too") {
    const test::TempDir dir;
    const std::string path = dir.file("s.db");
    story().write(path, {.wal = false});
    const json all = report({"compact", "-n", "--keep-within", "1d"});
    CHECK(all["removed"]["revisions"] == 0);
    CHECK(has(all["warnings"].dump(), "sure to be"));

    const auto run = [&](const std::vector<std::string>& more) {
        std::vector<std::string> args{"compact", "--keep-within", "30m", "-w", "json", path};
        args.insert(args.end(), more.begin(), more.end());
        const test::Result r = run_cli(args);
        CAPTURE(r.err);
        REQUIRE(r.code == 0);
        return json::parse(r.out);
    };
    const json dry = run({"-n"});
    CHECK(dry["removed"]["revisions"].get<int>() > 500);
    {
        // What is on the disk of a machine that goes down within a transaction.
        sqlite::Database db = sqlite::Database::open(path, sqlite::Database::Mode::write);
        db.exec(
            "PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN; UPDATE kine SET value = zeroblob(3000)");
        std::filesystem::create_directory(dir.file("down"));
        for (const char* const end : {"", "-journal"})
            std::filesystem::copy_file(path + end, dir.file("down/s.db") + end);
        db.exec("ROLLBACK");
    }
    std::filesystem::remove(path);
    for (const char* const end : {"", "-journal"})
        std::filesystem::rename(dir.file("down/s.db") + end, path + end);
    REQUIRE(store::needs_rollback(path));
    const json real = run({});
    for (const char* const field : {"removed", "kept", "revisions"}) CHECK(real[field] == dry[field]);
}

TEST_CASE("diff: two stores, and two moments of one") {
    const test::TempDir dir;
    test::KineMaker other = story();
    for (test::KineRow& row : other.rows()) {
        if (row.id == 4)
            row.value = test::make_config_map({"shared", "default", k_begin}, {{"owner", "other"}});
    }
    other.write(dir.file("b.db"));
    CHECK(run_cli({"diff", story_db(), story_db()}).code == 0);
    const json same = json::parse(run_cli({"diff", "-w", "json", story_db(), story_db()}).out);
    CHECK(same["equal"] == true);
    CHECK(same["compared"] == 4);
    const test::Result changed =
        run_cli({"diff", "--rev", "4", "--values", "-w", "json", story_db(), dir.file("b.db")});
    CHECK(changed.code == 3);
    const json d = json::parse(changed.out);
    CHECK(d["differ"] == 1);
    CHECK(d["keys"][0]["key"] == k_map);
    CHECK(d["keys"][0]["what"] == json::array({"value"}));
    CHECK(d["keys"][0]["fields"][0]["path"] == "data.owner");
    CHECK_FALSE(has(changed.out, "\"other\""));
    CHECK(run_cli({"diff", "--rev", "4", "--ignore", "value", story_db(), dir.file("b.db")}).code == 0);
    const test::Result moments = run_cli(
        {"diff", "--rev-a", "3", "--rev-b", "200", "--ignore", "mod_revision", story_db(), story_db()});
    CHECK(moments.code == 3);
    CHECK(has(moments.out, std::string("! ") + k_lease + "  value"));
    CHECK(has(moments.out, std::string("> ") + k_secret));
    CHECK(has(moments.out, "3 only in the second"));
    CHECK(run_cli({"diff", "--rev-a", "99999", story_db(), story_db()}).code == 4);
    CHECK(run_cli({"diff", "--ignore", "colour", story_db(), story_db()}).code == 2);
    CHECK(run_cli({"diff", story_db()}).code == 2);
}

TEST_CASE("du --by: what objects say instead of what keys say") {
    CHECK(named(report({"du", "--by", "kind"})["groups"], "Lease")["revisions"] == 720);
    CHECK(named(report({"du", "--by", "resource"})["groups"], "things.example.com")["keys"] == 1);
    CHECK(named(report({"du", "--by", "namespace"})["groups"], "kube-node-lease")["live_keys"] == 1);
    const json managers = report({"du", "--by", "manager"});
    CHECK(named(managers["groups"], "ctrl-a")["revisions"] == 6);
    CHECK(named(managers["groups"], "ctrl-b")["live_keys"] == 1);
    // Every group's bytes together are those of the prefixes.
    std::uint64_t bytes = 0;
    for (const json& g : managers["groups"]) bytes += g["bytes"].get<std::uint64_t>();
    CHECK(bytes == report({"du"})["total"]["bytes"].get<std::uint64_t>());
    test::KineMaker k = story();
    k.put("/registry/secrets/default/new", "k8s:enc:aescbc:v1:key2:xxxx");
    k.put("/registry/secrets/default/new", "k8s:enc:aescbc:v1:key1:xxxx");
    const test::TempDir dir;
    k.write(dir.file("s.db"));
    const json d = json::parse(run_cli({"du", "--by", "encryption", "-w", "json", dir.file("s.db")}).out);
    CHECK(named(d["groups"], "secrets aescbc:key1")["live_keys"] == 1);
    CHECK(named(d["groups"], "secrets aescbc:key2")["live_keys"] == 0);
    CHECK(named(d["groups"], "secrets (plaintext)")["keys"] == 1);
    CHECK(named(d["groups"], "configmaps (plaintext)")["revisions"] == 12);
    CHECK(named(d["groups"], "leases (plaintext)") == nullptr);
    CHECK(named(d["old_values"], "secrets aescbc:key2")["old_values"] == 1);
    CHECK(run_cli({"du", "--by", "kind", "--depth", "2", story_db()}).code == 2);
}

TEST_CASE("check --kubernetes: findings with key and revision") {
    CHECK(report({"check", "--kubernetes"})["ok"] == true);
    test::KineMaker k = story();
    k.put("/registry/pods/default/odd", "hello");
    const test::TempDir dir;
    k.write(dir.file("s.db"));
    const test::Result r = run_cli({"check", "--kubernetes", "-w", "json", dir.file("s.db")});
    CHECK(r.code == 3);
    CHECK(has(r.out, "kube-unknown-encoding"));
    CHECK(has(r.out, "/registry/pods/default/odd"));
    CHECK(run_cli({"check", dir.file("s.db")}).code == 0);
}

TEST_CASE("privacy: nothing of a Secret is in any output that was not asked for it") {
    const test::TempDir dir;
    std::vector<std::vector<std::string>> commands{
        {"status"},
        {"du"},
        {"check", "--kubernetes"},
        {"timeline"},
        {"index"},
        {"get", "--decode", "--prefix", "/"},
        {"get", "--decode", "--rev", "250", k_secret},
        {"get", "--keys-only", "--prefix", "/"},
        {"history", k_secret},
        {"history", "--decode", k_secret},
        {"history", "--diff", k_secret},
        {"history", "--diff", "--values", k_secret},
        {"history", "--values", k_secret},
        {"explain", k_secret},
        {"compact", "--dry-run", "--list", "--rev", "500"},
        {"diff", "--values", "--rev-a", "150", "--rev-b", "250", story_db()}};
    for (const char* by : {"key", "resource", "kind", "namespace", "manager"})
        commands.push_back({"churn", "--by", by});
    for (const char* by : {"resource", "kind", "namespace", "manager", "encryption"})
        commands.push_back({"du", "--by", by});
    for (std::vector<std::string> command : commands) {
        for (const char* format : {"text", "json", "jsonl"}) {
            std::vector<std::string> args = command;
            args.insert(args.end(), {"-w", format, story_db()});
            const test::Result r = run_cli(args);
            CAPTURE(args);
            CHECK((r.code == 0 || r.code == 3));
            for (const char* part : {"hunter2", "aHVudGVyMg", "unter2"}) {
                CHECK_FALSE(has(r.out, part));
                CHECK_FALSE(has(r.err, part));
            }
            // Nor is a larger piece of the stored value, in base64.
            CHECK_FALSE(has(r.out, "cGFzc3dvcmQSB2h1bnRlcjI"));
        }
    }
    const test::Result shown =
        run_cli({"get", "--decode", "--reveal-secrets", "--rev", "250", k_secret, story_db()});
    CHECK(has(shown.out, "aHVudGVyMg=="));
    CHECK(has(run_cli({"history", "--diff", "--values", "--reveal-secrets", k_secret, story_db()}).out,
              "MjAw"));
    CHECK(has(run_cli({"history", "--values", "--reveal-secrets", k_secret, story_db()}).out, "hunter2"));
    CHECK(has(run_cli({"history", "--values", k_secret, story_db()}).out, "shown with --reveal-secrets"));
}
