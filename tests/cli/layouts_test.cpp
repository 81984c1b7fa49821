#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "kvctl/bbolt/sha256.hpp"
#include "kvctl/store/open.hpp"
#include "tests/support/bbolt_image.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/real_data.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/temp_dir.hpp"

// One history in every layout: what is asked about it must be answered alike.

using namespace kvctl;
using namespace kvctl::test;
using nlohmann::json;

namespace {

json run_json(std::vector<std::string> args) {
    CAPTURE(args);
    args.insert(args.end(), {"-w", "json"});
    const Result r = run_cli(args);
    REQUIRE_MESSAGE(r.code == 0, r.err);
    return json::parse(r.out);
}

// Removes a field wherever it stands: what a layout does not keep.
void forget(json& j, const std::string& name) {
    if (j.is_object()) j.erase(name);
    for (json& child : j) {
        if (child.is_structured()) forget(child, name);
    }
}

json without(json j, const std::vector<std::string>& names) {
    for (const std::string& name : names) forget(j, name);
    return j;
}

struct Layouts {
    TempDir folder;
    std::string kine = folder.file("kine.db");
    std::string native = folder.file("native.db");
    std::string indexed = folder.file("indexed.db");
    std::string data_dir = folder.file("default.etcd");
    std::string snapshot = folder.file("snapshot.db");
    std::vector<std::string> etcds{native, indexed, data_dir, snapshot};
    std::vector<std::string> revisions;
    std::set<std::string> keys;

    explicit Layouts(std::uint32_t seed) {
        KineMaker made = random_kine(seed, 120, true);
        made.write(kine);
        for (const KineRow& r : made.rows()) {
            if (r.name != "compact_rev_key" && !r.name->starts_with("gap-")) keys.insert(*r.name);
        }
        REQUIRE(run_cli({"import", kine, "-o", native}).code == 0);
        REQUIRE(run_cli({"import", native, "-o", indexed, "--key-index"}).code == 0);
        const auto store = store::open_store(native, {});
        // Kept whole, because an image is built from views.
        std::vector<std::pair<std::string, std::string>> bytes;
        std::vector<mvcc::Record> records;
        store->each_record(MainRevision{0}, store->head().current, [&](const mvcc::Record& r) {
            bytes.emplace_back(r.key, r.value);
            records.push_back(r);
        });
        for (std::size_t i = 0; i < records.size(); ++i) {
            records[i].key = bytes[i].first;
            records[i].value = bytes[i].second;
        }
        BboltImage image = etcd_image(records);
        // Classic, as the native store that nothing is known of.
        image.buckets["cluster"]["clusterVersion"] = "3.3.0";
        const MainRevision compacted = store->head().compacted;
        if (compacted.value() > 0) {
            for (const char* name : {"scheduledCompactRev", "finishedCompactRev"}) {
                image.buckets["meta"][name] =
                    std::string(mvcc::EncodedRevision({compacted.value(), 0}, false).bytes());
            }
        }
        const std::string db = image.build();
        std::filesystem::create_directories(data_dir + "/member/snap");
        write_file(data_dir + "/member/snap/db", db);
        write_file(snapshot, db + bbolt::sha256(db));
        const std::int64_t lowest = std::max<std::int64_t>(compacted.value(), 2);
        for (std::int64_t r = lowest; r < made.current(); r += 17) revisions.push_back(std::to_string(r));
        revisions.push_back(std::to_string(made.current()));
    }
};

// etcd's order: by the field, and by key among equals.
json sorted(json rows, const std::string& field, bool descending) {
    const auto less = [&](const json& a, const json& b) {
        if (field == "value") return a.value("value", "") < b.value("value", "");
        return a.at(field) < b.at(field);
    };
    std::vector<json> all(rows.begin(), rows.end());
    std::stable_sort(all.begin(), all.end(),
                     [&](const json& a, const json& b) { return descending ? less(b, a) : less(a, b); });
    return all;
}

json first(const json& rows, std::size_t n) {
    json some = json::array();
    for (std::size_t i = 0; i < std::min(n, rows.size()); ++i) some.push_back(rows[i]);
    return some;
}

}  // namespace

TEST_CASE("layouts: get, history and explain of a key say the same of each") {
    for (const std::uint32_t seed : {3U, 4U}) {
        CAPTURE(seed);
        const Layouts all(seed);
        for (const std::string& key : all.keys) {
            CAPTURE(key);
            const auto same = [&](const std::vector<std::string>& args,
                                  const std::vector<std::string>& unlike) {
                const auto ask = [&](const std::string& store) {
                    std::vector<std::string> whole = args;
                    whole.push_back(store);
                    return run_json(whole);
                };
                const json native = ask(all.native);
                for (const std::string& etcd : all.etcds) {
                    CAPTURE(etcd);
                    CHECK(ask(etcd) == native);
                }
                // kine keeps no versions, counts old values, and has a rule of its own.
                std::vector<std::string> names = unlike;
                names.insert(names.end(), {"version", "bytes", "tombstone_rule", "compacted_before"});
                CHECK(without(ask(all.kine), names) == without(native, names));
            };
            same({"get", key}, {"lease"});
            same({"history", key, "--values"}, {"lease"});
            same({"explain", key}, {});
            for (const std::string& rev : all.revisions) {
                same({"get", key, "--rev", rev}, {"lease"});
                same({"explain", key, "--rev", rev}, {});
            }
        }
    }
}

TEST_CASE("layouts: ranges, orders and limits of get in each") {
    const Layouts all(5);
    std::vector<std::string> stores = all.etcds;
    stores.push_back(all.kine);
    for (const std::string& store : stores) {
        CAPTURE(store);
        for (const std::string& rev : {all.revisions.front(), all.revisions.back()}) {
            const json whole = run_json({"get", "", store, "--prefix", "--rev", rev});
            const json& rows = whole.at("kvs");
            REQUIRE(rows.size() > 3);
            CHECK(whole.at("count") == rows.size());
            CHECK(run_json({"get", "/registry/", store, "--prefix", "--rev", rev}).at("kvs") == rows);
            CHECK(run_json({"get", "/registry/", "/registry0", store, "--rev", rev}).at("kvs") == rows);
            CHECK(run_json({"get", "/", store, "--from-key", "--rev", rev}).at("kvs") == rows);
            CHECK(run_json({"get", "/registry/", store, "--prefix", "--count-only", "--rev", rev})
                      .at("count") == rows.size());
            std::vector<std::pair<std::string, std::string>> targets{{"KEY", "key"},
                                                                     {"MODIFY", "mod_revision"},
                                                                     {"CREATE", "create_revision"},
                                                                     {"VALUE", "value"}};
            if (store != all.kine) targets.emplace_back("VERSION", "version");
            for (const auto& [target, field] : targets) {
                for (const bool descending : {false, true}) {
                    CAPTURE(target);
                    const json ordered = sorted(rows, field == "key" ? "key" : field, descending);
                    const std::vector<std::string> args{
                        "get", "",          store,  "--prefix", "--rev",
                        rev,   "--sort-by", target, "--order",  descending ? "DESCEND" : "ASCEND"};
                    // Base64 sorts unlike the bytes it stands for.
                    if (field != "key" && field != "value") CHECK(run_json(args).at("kvs") == ordered);
                    std::vector<std::string> limited = args;
                    limited.insert(limited.end(), {"--limit", "3"});
                    const json page = run_json(limited);
                    CHECK(page.at("kvs") == first(run_json(args).at("kvs"), 3));
                    CHECK(page.at("more") == true);
                    CHECK(page.at("count") == rows.size());
                }
            }
            const Result keys = run_cli({"get", "", store, "--prefix", "--keys-only", "--rev", rev});
            CHECK(static_cast<std::size_t>(std::count(keys.out.begin(), keys.out.end(), '\n')) ==
                  2 * rows.size());
        }
    }
}

TEST_CASE("layouts: status and du count the same, whatever holds the history") {
    const Layouts all(6);
    const json native = run_json({"status", all.native});
    CHECK(native.at("schema") == "kvctl.status/1");
    for (const char* field : {"store", "revisions", "counts", "bytes", "raft_log", "consistent_index",
                              "pending_compaction", "in_use_by", "hints"})
        CHECK(native.contains(field));
    const json usage = run_json({"du", all.native, "--top", "0"});
    for (const std::string& store : all.etcds) {
        CAPTURE(store);
        const json status = run_json({"status", store});
        for (const char* field : {"revisions", "counts"}) CHECK(status.at(field) == native.at(field));
        CHECK(status.at("bytes").at("live") == native.at("bytes").at("live"));
        CHECK(status.at("bytes").at("history") == native.at("bytes").at("history"));
        const json du = run_json({"du", store, "--top", "0"});
        for (const char* field : {"total", "prefixes", "keys", "target", "prefix_count", "key_count"})
            CHECK(du.at(field) == usage.at(field));
    }
    for (const std::string& store : {all.native, all.indexed, all.kine, all.data_dir}) {
        CAPTURE(store);
        const json status = run_json({"status", store});
        std::uint64_t parts = 0;
        for (const json& part : status.at("bytes")) parts += part.get<std::uint64_t>();
        CHECK(parts == status.at("store").at("file_bytes"));
        CHECK(status.at("bytes").at("other") > 0);
        CHECK((status.at("bytes").at("indexes") > 0) == (store != all.data_dir));
    }
    CHECK(run_json({"status", all.snapshot}).at("store").at("file_bytes") ==
          std::filesystem::file_size(all.snapshot));
    const json kine = run_json({"status", all.kine});
    CHECK(kine.at("store").at("layout") == "kine");
    for (const char* field : {"tombstones", "keys", "live_keys"})
        CHECK(kine.at("counts").at(field) == native.at("counts").at(field));
    CHECK(kine.at("counts").at("revisions").get<int>() - kine.at("counts").at("gaps").get<int>() ==
          native.at("counts").at("revisions").get<int>());
    const std::vector<std::string> sizes{"bytes", "live_bytes", "history_bytes", "freed_bytes", "gaps"};
    const json kine_usage = run_json({"du", all.kine, "--top", "0", "--sort", "name"});
    const json by_name = run_json({"du", all.native, "--top", "0", "--sort", "name"});
    for (const char* field : {"total", "prefixes", "keys"})
        CHECK(without(kine_usage.at(field), sizes) == without(by_name.at(field), sizes));
}

TEST_CASE("du: parts add up to the whole, at every depth, order and prefix") {
    const Layouts all(8);
    const json whole = run_json({"du", all.kine, "--top", "0"});
    for (const std::string depth : {"1", "2", "3", "9"}) {
        for (const std::string sort : {"bytes", "live", "history", "freed", "revisions", "keys", "name"}) {
            CAPTURE(depth);
            CAPTURE(sort);
            const json du = run_json({"du", all.kine, "--top", "0", "--depth", depth, "--sort", sort});
            CHECK(du.at("total") == whole.at("total"));
            for (const char* field : {"revisions", "bytes", "live_bytes", "freed_bytes", "keys"}) {
                std::uint64_t sum = 0;
                for (const json& p : du.at("prefixes")) sum += p.at(field).get<std::uint64_t>();
                CHECK(sum == du.at("total").at(field));
            }
            const std::string field =
                sort == "live" || sort == "history" || sort == "freed" ? sort + "_bytes" : sort;
            const json& list = du.at("prefixes");
            for (std::size_t i = 1; i < list.size(); ++i) {
                if (sort == "name") {
                    CHECK(list[i - 1].at("prefix") < list[i].at("prefix"));
                } else {
                    CHECK(list[i - 1].at(field) >= list[i].at(field));
                }
            }
        }
    }
    const json pods = run_json({"du", all.kine, "--under", "/registry/pods/"});
    for (const json& p : whole.at("prefixes")) {
        if (p.at("prefix") != "/registry/pods/") continue;
        for (const char* field : {"revisions", "bytes", "keys", "freed_bytes"})
            CHECK(pods.at("total").at(field) == p.at(field));
    }
    CHECK(pods.at("total").at("revisions") > 0);
    // What du says a compaction frees is what compact removes.
    for (const std::string& rev : all.revisions) {
        if (rev == all.revisions.front()) continue;
        const json plan = run_json({"compact", "--dry-run", "--rev", rev, all.native});
        const json du = run_json({"du", all.native, "--rev", rev});
        CHECK(du.at("total").at("freed_revisions") == plan.at("removed").at("revisions"));
        CHECK(du.at("total").at("freed_bytes") == plan.at("removed").at("bytes"));
    }
}

TEST_CASE("layouts: the hash is the same at each revision after every way of copying a real store") {
    for (const RealData& data : real_data()) {
        CAPTURE(data.name);
        const TempDir dir;
        const std::string exported = dir.file("history.jsonl");
        write_file(exported, run_cli({"export", data.db}).out);
        std::vector<std::string> copies{data.data_dir};
        for (const std::string& source : {data.db, data.data_dir, exported}) {
            copies.push_back(dir.file(std::to_string(copies.size()) + ".db"));
            REQUIRE(run_cli({"import", source, "-o", copies.back()}).code == 0);
        }
        copies.push_back(dir.file("again.db"));
        REQUIRE(run_cli({"import", copies[1], "-o", copies.back(), "--key-index"}).code == 0);
        const json revisions = run_json({"status", data.db}).at("revisions");
        for (const std::string rule : {"classic", "keep-at-rev"}) {
            for (std::int64_t rev = revisions.at("compacted").get<std::int64_t>() + 1;
                 rev <= revisions.at("current").get<std::int64_t>(); ++rev) {
                CAPTURE(rev);
                const std::vector<std::string> args{"hash", "--rev", std::to_string(rev), "--tombstones",
                                                    rule};
                const auto hash = [&](const std::string& store) {
                    std::vector<std::string> whole = args;
                    whole.push_back(store);
                    return run_json(whole).at("hash_decimal").get<std::uint64_t>();
                };
                const std::uint64_t expected = hash(data.db);
                for (const std::string& copy : copies) CHECK(hash(copy) == expected);
            }
        }
    }
}

TEST_CASE("status: stores that cannot be read do not hide the others") {
    const Layouts all(9);
    const std::string missing = all.folder.file("missing");
    Result r = run_cli({"status", all.native, missing, all.kine});
    CHECK(r.code == 7);
    CHECK(r.out.find("native.db\n  layout     native") != std::string::npos);
    CHECK(r.out.find("kine.db\n  layout     kine") != std::string::npos);
    CHECK(r.err.find(missing + ": cannot open") != std::string::npos);
    write_file(all.folder.file("text"), "hello");
    r = run_cli({"status", missing, all.folder.file("text"), all.kine, "--json"});
    CHECK(r.code == 6);
    CHECK(json::parse(r.out).size() == 1);
    CHECK(json::parse(r.err).at("error").at("kind") == "not-a-store");
    r = run_cli({"status", missing, all.folder.file("text")});
    CHECK(r.code == 6);
    CHECK(r.out.empty());
    CHECK(std::count(r.err.begin(), r.err.end(), '\n') == 2);
    r = run_cli({"status", all.folder.file("\x1b[2J"), missing});
    CHECK(r.err.find('\x1b') == std::string::npos);
}

TEST_CASE(
    "status and check: a db received from a leader, which a server would put in the place of this one") {
    const Layouts all(10);
    const std::string snap = all.data_dir + "/member/snap/";
    CHECK(run_cli({"check", all.data_dir}).code == 0);
    std::filesystem::copy_file(snap + "db", snap + "00000000000000ff.snap.db");
    write_file(snap + "00000000000000ff.snap", "");
    const Result check = run_cli({"check", all.data_dir, "--json"});
    CHECK(check.code == 3);
    CHECK(json::parse(check.out).at("counts").at("newer-snapshot-db") == 1);
    CHECK(check.out.find("at raft index 255") != std::string::npos);
    // One that the db has passed already is of no account.
    std::filesystem::remove(snap + "00000000000000ff.snap.db");
    std::filesystem::copy_file(snap + "db", snap + "0000000000000000.snap.db");
    CHECK(run_cli({"check", all.data_dir}).code == 0);
    std::filesystem::rename(snap + "0000000000000000.snap.db", snap + "00000000000000ff.snap.db");
    CHECK(run_cli({"status", all.data_dir}).out.find("hint: 00000000000000ff.snap.db: a db received") !=
          std::string::npos);
}

TEST_CASE("inspecting: operands in the wrong order, and a key that is not there") {
    const Layouts all(11);
    for (const char* command : {"get", "history", "index", "explain"}) {
        CAPTURE(command);
        const Result r = run_cli({command, all.native, "/registry/health"});
        CHECK(r.code == 7);
        CHECK(r.err.find("the store is the last operand") != std::string::npos);
        CHECK(run_cli({command, "none", all.native}).code == 0);
        CHECK(run_cli({command, "none", "missing too"}).err.find("last operand") == std::string::npos);
    }
    CHECK(run_cli({"index", "no\nkey", all.native}).out == "no\\nkey: not in the index\n");
}
