#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "kvctl/base/proto.hpp"
#include "tests/support/bbolt_image.hpp"
#include "tests/support/data.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/requests.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/wal_writer.hpp"

using namespace kvctl;
using namespace kvctl::test;
using nlohmann::json;

namespace {

constexpr std::uint64_t k_member = 0xABCD;  // WalWriter's

std::string adds(std::uint64_t member) {
    std::string data;
    proto::append_number(data, 3, member);
    return data;
}

// A data directory: entry 1 adds the member, entry i puts k<i>, which makes revision i.
struct DataDir {
    TempDir dir;
    std::string path = dir.file("etcd");
    std::string wal = path + "/member/wal";
    std::string snap = path + "/member/snap";
    WalWriter writer{wal};

    explicit DataDir(std::uint64_t last = 9, std::uint64_t commit = 9) {
        writer.entry(1, 1, adds(k_member), raft::EntryType::conf_change);
        for (std::uint64_t i = 2; i <= last; ++i)
            writer.entry(i, 2, put_request("k" + std::to_string(i), "v"));
        writer.hard_state(2, k_member, commit);
    }
    // The db behind entry `applied`, with revisions up to that or to `newest`.
    void write_db(std::uint64_t applied, const std::string& storage_version = "",
                  std::uint64_t member = k_member, std::uint64_t newest = 0) const {
        if (newest == 0) newest = applied;
        std::vector<std::string> keys;
        for (std::uint64_t i = 2; i <= newest; ++i) keys.push_back("k" + std::to_string(i));
        std::vector<mvcc::Record> rows;
        for (std::uint64_t i = 2; i <= newest; ++i) {
            mvcc::Record r;
            r.revision = {static_cast<std::int64_t>(i), 0};
            r.key = keys[i - 2];
            r.value = "v";
            r.create_revision = static_cast<std::int64_t>(i);
            r.version = 1;
            rows.push_back(r);
        }
        BboltImage image = etcd_image(rows);
        image.buckets["meta"]["consistent_index"] = be64(applied);
        image.buckets["meta"]["term"] = be64(applied == 1 ? 1 : 2);
        char hex_id[20];
        std::snprintf(hex_id, sizeof hex_id, "%llx", static_cast<unsigned long long>(member));
        image.buckets["members"][hex_id] = R"({"id":1,"peerURLs":["http://x"]})";
        if (!storage_version.empty()) image.buckets["meta"]["storageVersion"] = storage_version;
        std::filesystem::create_directories(snap);
        write_file(snap + "/db", image.build());
    }
};

// "severity:code", sorted, with notes too.
std::vector<std::string> found(const json& report) {
    std::vector<std::string> out;
    for (const json& f : report.at("findings"))
        out.push_back(f.at("severity").get<std::string>() + ":" + f.at("code").get<std::string>());
    std::sort(out.begin(), out.end());
    return out;
}

json run_json(std::vector<std::string> args, int code) {
    args.insert(args.begin() + 1, "--json");
    const Result r = run_cli(args);
    CHECK_MESSAGE(r.code == code, r.out << r.err);
    return json::parse(r.out.empty() ? "{}" : r.out);
}

std::string what(const json& report, const std::string& code) {
    for (const json& f : report.at("findings")) {
        if (f.at("code") == code) return f.at("what").get<std::string>();
    }
    return "";
}

}  // namespace

TEST_CASE("replay: of a killed member of 3.7 every acknowledged write comes back") {
    const TempDir dir;
    make_native(dir.file("s"), {});
    const std::string log = testdata("raftlogs/idle-kill-3.7");
    const json report = run_json({"replay", log, dir.file("s")}, 0);
    CHECK(report.at("entries") == 14);
    CHECK(report.at("consistent_index") == 14);
    CHECK(report.at("warnings").empty());
    CHECK(native_rows(dir.file("s")).size() == 10);
    const json raft = run_json({"raft", log}, 0);
    CHECK(raft.at("committed") == 14);
    CHECK(raft.at("hard_state").at("commit") == 13);
    CHECK(raft.at("by_request").at("cluster_member_attr_set") == 1);
    // The type of a plain entry is not written: one that holds nothing is four bytes.
    const Result list = run_cli({"raft", "-w", "jsonl", "--request", "empty", log});
    CHECK(json::parse(list.out.substr(0, list.out.find('\n'))).at("bytes") == 4);
}

TEST_CASE("check: a commit below the consistent index is how an idle member looks") {
    const DataDir d(9, 8);
    d.write_db(9, "3.6.0");
    CHECK(run_cli({"check", d.path}).code == 0);
    const json raft = run_json({"raft", d.path}, 0);
    CHECK(raft.at("committed") == 9);
    CHECK(raft.at("applied") == 9);
    d.write_db(10, "3.6.0");
    CHECK(found(run_json({"raft", d.path}, 3)) ==
          std::vector<std::string>{"error:consistent-index-above-last-index"});
}

TEST_CASE("replay: what several members may not have committed stays out, and is told") {
    DataDir d(9, 4);
    make_native(d.dir.file("one"), {});
    CHECK(run_json({"replay", d.path, d.dir.file("one")}, 0).at("consistent_index") == 9);
    DataDir two(3, 3);
    two.writer.entry(4, 2, adds(0xBEEF), raft::EntryType::conf_change);
    two.writer.entry(5, 2, put_request("x", "1"));
    two.writer.entry(6, 2, put_request("y", "1"));
    make_native(two.dir.file("s"), {});
    const json report = run_json({"replay", two.path, two.dir.file("s")}, 0);
    CHECK(report.at("consistent_index") == 4);
    CHECK(report.at("log").at("committed") == 4);
    CHECK(has(report.at("warnings").dump(), "2 entries behind entry 4 are not known to be committed"));
    CHECK(run_json({"raft", two.path}, 0).at("committed") == 4);
}

TEST_CASE("replay: a log of another history is refused") {
    DataDir d;
    d.write_db(5, "3.6.0");
    const std::string store = d.dir.file("s");
    REQUIRE(run_cli({"import", "-q", d.snap + "/db", "-o", store}).code == 0);
    CHECK(native_meta(store, "member_abcd") == 1);
    CHECK(native_meta(store, "members_index") == 5);
    CHECK(run_cli({"check", store}).code == 0);
    REQUIRE(run_cli({"replay", "-q", "-n", d.path, store}).code == 0);
    const auto refused = [&](const std::string& part) {
        for (const bool dry : {true, false}) {
            std::vector<std::string> args{"replay", d.wal, store};
            if (dry) args.insert(args.begin() + 1, "-n");
            const Result r = run_cli(args);
            CHECK(r.code == 4);
            CHECK_MESSAGE(has(r.err, part), r.err);
        }
        CHECK(native_meta(store, "consistent_index") == 5);
    };
    const auto import_again = [&] {
        std::filesystem::remove(store);
        REQUIRE(run_cli({"import", "-q", d.snap + "/db", "-o", store}).code == 0);
    };
    SUBCASE("another member") {
        d.write_db(5, "3.6.0", 0x77);
        import_again();
        refused("is the log of member abcd, which is none of the store's members");
    }
    SUBCASE("another cluster, remembered from a data dir") {
        std::filesystem::remove(store);
        REQUIRE(run_cli({"import", "-q", d.path, "-o", store}).code == 0);
        CHECK(native_meta(store, "raft_member_id") == 0xABCD);
        CHECK(native_meta(store, "raft_cluster_id") == 0x1234);
        run_sql(store, "UPDATE meta SET value = 66 WHERE name = 'raft_cluster_id'");
        refused("is the log of cluster 1234, the store is of cluster 42");
    }
    SUBCASE("the same ids, but more revisions than the log can have made") {
        run_sql(store, "UPDATE revision SET main = 7 WHERE main = 5");
        refused("but the store is at revision 7");
    }
    SUBCASE("the same ids, but other rows") {
        run_sql(store, "UPDATE revision SET key = x'78' WHERE main = 4");
        refused("no entry of it can have made the store's revision 4");
    }
    SUBCASE("a store that names nobody takes a log that begins where it ends") {
        std::filesystem::remove(store);
        NativeShape shape;
        shape.meta = {{"consistent_index", 1}, {"term", 1}};
        make_native(store, {}, shape);
        CHECK(run_cli({"replay", "-q", d.wal, store}).code == 0);
    }
}

TEST_CASE("raft: what a starting server loads depends on its release") {
    DataDir d;
    d.writer.snapshot(4, 2);
    d.writer.snapshot(7, 2);
    d.write_db(9);
    write_snap_file(d.snap, 4, 2);
    const json at_4{{"index", 4}, {"term", 2}};
    const json at_7{{"index", 7}, {"term", 2}};
    const auto newest = [&](std::vector<std::string> more, int code = 0) {
        more.insert(more.begin(), "raft");
        more.push_back(d.path);
        return run_json(more, code).at("newest_snapshot");
    };
    const json both = run_json({"raft", d.path}, 0);
    CHECK(both.at("newest_snapshot") == at_4);
    CHECK(both.at("start_up") == json{{"up_to_3.6", at_4}, {"from_3.7", at_7}});
    CHECK(found(both) == std::vector<std::string>{"info:start-up-differs"});
    CHECK(newest({"--etcd-version", "3.6.16"}) == at_4);
    CHECK(newest({"--etcd-version", "3.7.3"}) == at_7);
    CHECK(newest({"--etcd-version", "3.7.3", "--store", d.path}) == at_7);
    d.write_db(9, "3.7.0");
    CHECK(newest({}) == at_7);
    CHECK(newest({"--etcd-version", "3.5.9"}) == at_4);
    CHECK(run_cli({"check", d.path}).code == 0);
    // Without .snap files 3.6 begins at 0, which needs the first segment.
    std::filesystem::remove(d.snap + "/0000000000000002-0000000000000004.snap");
    CHECK(newest({"--etcd-version", "3.6.16"}) == json{{"index", 0}, {"term", 0}});
    std::filesystem::rename(d.wal + "/0000000000000000-0000000000000000.wal",
                            d.wal + "/0000000000000003-0000000000000002.wal");
    CHECK(newest({"--etcd-version", "3.6.16"}, 3).is_null());
    const json check = run_json({"check", "--etcd-version", "3.6.16", d.path}, 3);
    CHECK(found(check) == std::vector<std::string>{"error:cannot-start", "info:start-up-differs"});
    CHECK(newest({"--etcd-version", "3.7.3"}) == at_7);
    CHECK(run_cli({"check", "--etcd-version", "3.7.3", d.path}).code == 0);
    d.write_db(9);  // written by 3.5 or before
    CHECK(run_cli({"check", d.path}).code == 3);
}

TEST_CASE("raft: a snapshot ahead of the db without its .snap.db, and the way out") {
    DataDir d;
    d.writer.snapshot(7, 2);
    d.write_db(5, "3.6.0");
    write_snap_file(d.snap, 7, 2);
    for (const char* const command : {"check", "raft"}) {
        const json report = run_json({command, d.path}, 3);
        CHECK(found(report) == std::vector<std::string>{"error:snap-db-missing"});
        CHECK(has(what(report, "snap-db-missing"), "'kvctl import -o NEW " + d.snap +
                                                       "/db' and 'kvctl replay " + d.wal +
                                                       " NEW' bring everything back"));
    }
    for (const std::string& source : {d.snap + "/db", d.path}) {
        const std::string store = d.dir.file(source == d.path ? "whole" : "db");
        const json imported = run_json({"import", source, "-o", store}, 0);
        CHECK(has(imported.at("warnings").dump(), "kvctl replay ") == (source == d.path));
        REQUIRE(run_cli({"replay", "-q", d.wal, store}).code == 0);
        CHECK(native_rows(store).size() == 8);
        CHECK(native_meta(store, "consistent_index") == 9);
    }
    write_file(d.snap + "/0000000000000007.snap.db", "x");
    CHECK(found(run_json({"raft", d.path}, 0)).empty());
}

TEST_CASE("check: old requests behind the newest snapshot keep 3.7 from starting") {
    DataDir d;
    d.writer.entry(10, 2, std::string("\x12\x00", 2));
    d.writer.hard_state(2, k_member, 10);
    d.write_db(9);
    CHECK(run_cli({"check", d.path}).code == 0);
    CHECK(run_cli({"check", "--etcd-version", "3.6.16", d.path}).code == 0);
    const json report = run_json({"check", "--etcd-version", "3.7.3", d.path}, 3);
    CHECK(has(what(report, "v2-requests"), "1 request of the old API"));
    d.writer.snapshot(10, 2);
    CHECK(run_cli({"check", "--etcd-version", "3.7.3", d.path}).code == 3);  // its db is behind it
    d.write_db(10, "", k_member, 9);  // such a request makes no revision
    write_snap_file(d.snap, 10, 2);
    CHECK(run_cli({"check", "--etcd-version", "3.7.3", d.path}).code == 0);
}

TEST_CASE("raft: a damaged record is named by its entry, and by what became of it") {
    for (const std::uint64_t index : {4, 7, 9}) {
        CAPTURE(index);
        DataDir d(9, 8);
        d.write_db(5, "3.6.0");
        const std::string segment = d.wal + "/0000000000000000-0000000000000000.wal";
        std::string bytes = read_file(segment);
        const std::size_t at = bytes.find("k" + std::to_string(index) + "\x12\x01v");
        REQUIRE(at != std::string::npos);
        bytes[at + 4] = 'w';
        write_file(segment, bytes);
        const std::string status = index == 4   ? "committed, and the store has applied it"
                                   : index == 7 ? "committed, and the store has not applied it"
                                                : "committed, and the store has not applied it";
        for (const char* const command : {"check", "raft"}) {
            const json report = run_json({command, d.path}, 3);
            CHECK(found(report) == std::vector<std::string>{"error:crc-mismatch"});
            CHECK(what(report, "crc-mismatch") == "the record's checksum does not match: entry " +
                                                      std::to_string(index) + ", EntryNormal, put of key k" +
                                                      std::to_string(index) + "; " + status);
        }
        CHECK(has(run_cli({"raft", d.wal}).err, "put of key k" + std::to_string(index)));
    }
}

TEST_CASE("raft: an entry that etcd's own reading brings back is warned of") {
    DataDir d(2, 2);
    for (std::uint64_t i = 3; i <= 5; ++i) d.writer.entry(i, 2, put_request("old", "v"));
    d.writer.entry(3, 3, put_request("k3", "v"));
    d.writer.entry(4, 3, put_request("k4", "v"));
    d.writer.hard_state(3, k_member, 4);
    const auto warned = [&] { return what(run_json({"raft", d.wal}, 3), "ghost-entry"); };
    CHECK(run_cli({"raft", d.wal}).code == 0);
    d.writer.snapshot(4, 3);
    CHECK(warned() ==
          "a server that starts from the snapshot at 4 brings entry 5 of term 2 back, which a later "
          "record had cut off");
    CHECK(run_json({"raft", d.wal}, 3).at("last_index") == 4);
    // Written again, it is gone for good.
    d.writer.entry(5, 3, put_request("k5", "v"));
    CHECK(run_cli({"raft", d.wal}).code == 0);
}

TEST_CASE("check, raft: a log of another member or another history is a finding") {
    const DataDir d;
    d.write_db(9, "3.6.0");
    const std::vector<std::vector<std::string>> commands{
        {"check", d.path}, {"raft", d.path}, {"raft", "--store", d.snap + "/db", d.wal}};
    for (const auto& command : commands) CHECK(run_cli(command).code == 0);
    d.write_db(9, "3.6.0", 0xBEEF);
    for (const auto& command : commands) {
        const json report = run_json(command, 3);
        CHECK(found(report) == std::vector<std::string>{"error:foreign-log"});
        CHECK(what(report, "foreign-log") ==
              "another history: it is the log of member abcd, which is none of the store's members");
    }
    const Result foretold = run_cli({"compact", "-n", "--rev", "4", d.path});
    CHECK(has(foretold.err, "another history"));
    CHECK_FALSE(has(foretold.err, "a server applies"));
    const test::TempDir made;
    const Result imported = run_cli({"import", d.path, "-o", made.file("new")});
    CHECK(imported.code == 0);
    CHECK(has(imported.err, "another history: it is the log of member abcd"));
    // The same ids, as a cluster made anew at the same addresses has them, but fewer requests than revisions.
    DataDir other(4, 9);
    for (std::uint64_t i = 5; i <= 9; ++i) other.writer.entry(i, 2, "");
    other.write_db(9, "3.6.0");
    CHECK(what(run_json({"check", other.path}, 3), "foreign-log") ==
          "another history: it has 3 requests up to the store's consistent index 9 that can have made a "
          "revision, but the store is at revision 9");
}

TEST_CASE("check: the rows of a restored store came with its db, not from its log") {
    DataDir d(0, 0);
    d.writer.hard_state(1, k_member, 1);
    d.writer.snapshot(1, 1);
    for (std::uint64_t i = 2; i <= 4; ++i) d.writer.entry(i, 2, "");
    d.writer.hard_state(2, k_member, 4);
    d.write_db(4, "3.6.0");
    CHECK(run_cli({"check", d.path}).code == 0);
    CHECK(run_cli({"raft", d.path}).code == 0);
}

TEST_CASE("etcd: a cluster version that only the log sets decides which rule is followed") {
    DataDir d;
    d.write_db(9);
    const auto rule = [&](const std::string& store) {
        return run_json({"compact", "-n", "--rev", "4", store}, 0).at("tombstone_rule").get<std::string>();
    };
    CHECK(rule(d.path) == "classic");
    CHECK(run_json({"status", d.path}, 0).at("etcd").at("cluster_version").is_null());
    std::string version;
    std::string request;
    proto::append_bytes(version, 1, "3.6.0");
    proto::append_bytes(request, 1300, version);
    d.writer.entry(10, 2, request);
    d.writer.hard_state(2, k_member, 10);
    CHECK(rule(d.path) == "keep-at-rev");
    CHECK(run_json({"status", d.path}, 0).at("etcd").at("cluster_version") == "3.6.0");
    CHECK(run_json({"status", "--tombstones", "classic", d.path}, 0).at("etcd").at("cluster_version") ==
          "3.6.0");
    CHECK(has(run_cli({"raft", "--entries", d.wal}).out, "3.6.0"));
    CHECK(run_cli({"import", d.path, "-o", d.dir.file("native")}).code == 0);
    CHECK(rule(d.dir.file("native")) == "keep-at-rev");
    // What the db says itself wins.
    d.write_db(9, "3.3.0");
    CHECK(rule(d.path) == "classic");
}

TEST_CASE("replay: two kinds of alarm at once hold up what they hold up in that release") {
    struct Row {
        std::string order;
        std::uint64_t hash;
        int revision;
        std::uint64_t hash_by_set;
    };
    for (const Row& row : {Row{"CORRUPT_NOSPACE", 2857555489, 9, 3258573220},
                           Row{"CORRUPT_NOSPACE_-CORRUPT", 1009578308, 11, 2857555489},
                           Row{"CORRUPT_NOSPACE_-NOSPACE", 1009578308, 11, 3258573220},
                           Row{"NOSPACE_CORRUPT_-NOSPACE", 1009578308, 11, 3258573220}}) {
        CAPTURE(row.order);
        const std::string log = testdata("raftlogs/alarms-3.5/" + row.order);
        // Without a version the log tells: 3.5 publishes its members by the old API.
        for (const std::string version : {"", "3.5.35", "3.6.16"}) {
            const TempDir dir;
            make_native(dir.file("s"), {});
            std::vector<std::string> args{"replay", log, dir.file("s")};
            if (!version.empty()) args.insert(args.begin() + 1, {"--etcd-version", version});
            const json report = run_json(args, 0);
            CHECK(
                has(report.at("warnings").dump(), "both alarms, NOSPACE and CORRUPT, are on from entry 12"));
            const json hash = run_json({"hash", "--tombstones", "keep-at-rev", dir.file("s")}, 0);
            CHECK(hash.at("hash_decimal") == (version == "3.6.16" ? row.hash_by_set : row.hash));
            if (version != "3.6.16") CHECK(hash.at("revision") == row.revision);
        }
    }
}

TEST_CASE("--wal-dir: a data directory whose log lies elsewhere") {
    DataDir d;
    d.writer.snapshot(4, 2);
    d.write_db(5, "3.6.0");
    write_snap_file(d.snap, 4, 2);
    const std::string wal = d.dir.file("elsewhere");
    std::filesystem::rename(d.wal, wal);
    const Result none = run_cli({"raft", d.path});
    CHECK(none.code == 6);
    CHECK(has(none.err, "--wal-dir"));
    CHECK(run_json({"raft", "--wal-dir", wal, d.path}, 0).at("newest_snapshot").at("index") == 4);
    CHECK(run_json({"raft", "--wal-dir", wal, d.path}, 0).at("applied") == 5);
    CHECK(run_json({"status", "--wal-dir", wal, d.path}, 0).at("raft_log").at("last_index") == 9);
    CHECK(
        run_json({"compact", "-n", "--rev", "3", "--wal-dir", wal, d.path}, 0).at("raft_log").at("entries") ==
        9);
    CHECK(run_cli({"check", "--wal-dir", wal, d.path}).code == 0);
    CHECK(run_cli({"check", "--wal-dir", wal, d.snap + "/db"}).code == 0);
    const std::string store = d.dir.file("s");
    CHECK(run_json({"import", "--wal-dir", wal, d.path, "-o", store}, 0).at("raft_log").at("entries") == 5);
    CHECK(run_json({"replay", "--wal-dir", wal, d.path, store}, 0).at("consistent_index") == 9);
    // An empty folder is none, and a native store has its own.
    std::filesystem::create_directory(d.dir.file("empty"));
    CHECK(run_cli({"check", "--wal-dir", d.dir.file("empty"), d.path}).code == 3);
    CHECK(run_cli({"raft", "--wal-dir", d.dir.file("empty"), d.path}).code == 6);
    CHECK(run_cli({"status", "--wal-dir", wal, store}).code == 2);
    CHECK(run_cli({"compact", "-n", "--rev", "3", "--wal-dir", wal, "--raft-log", wal, d.path}).code == 2);
}
