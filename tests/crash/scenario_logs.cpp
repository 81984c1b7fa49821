#include <filesystem>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/proto.hpp"
#include "kvctl/bbolt/sha256.hpp"
#include "tests/crash/scenario.hpp"
#include "tests/support/bbolt_image.hpp"
#include "tests/support/requests.hpp"
#include "tests/support/temp_dir.hpp"

// Runs that read something else than an SQLite store: replay of a raft log, import of a bbolt file.
namespace kvctl::crash {
namespace {

std::string compaction(std::uint64_t at) {
    std::string body;
    proto::append_number(body, 1, at);
    std::string request;
    proto::append_bytes(request, 7, body);
    return request;
}

constexpr int k_entries = 24;
constexpr int k_compaction_at = 17;
constexpr int k_compacted = 12;

std::string log_text(bool compacts) {
    std::string text = R"({"format":"kvctl.raftlog/1","snapshot":{"index":0,"term":0},)"
                       R"("hard_state":{"term":3,"vote":1,"commit":)" +
                       std::to_string(k_entries) + "}}\n";
    for (int i = 1; i <= k_entries; ++i) {
        const std::string key = "key" + std::to_string(i * i % 5);
        std::string data = i % 7 == 4
                               ? test::delete_request(key)
                               : test::put_request(key, std::string(static_cast<std::size_t>(i * 40), 'v'));
        if (compacts && i == k_compaction_at) data = compaction(k_compacted);
        text += "{\"index\":" + std::to_string(i) + R"(,"term":3,"type":"EntryNormal","data":")" +
                base64_encode(data) + "\"}\n";
    }
    return text;
}

// What the store may hold between two transactions: the log applied up to some entry and no further, each
// entry once. A compaction is first written down together with its entry, then carried out.
std::set<std::string> steps_of(const Scenario& whole, bool compacts) {
    std::set<std::string> steps;
    const test::TempDir dir;
    const std::string store = dir.file(k_store);
    for (int i = 1; i <= k_entries; ++i) {
        write_folder(dir.path().string(), whole.start);
        Scenario part = whole;
        part.args.insert(part.args.begin() + 1, {"--until-index", std::to_string(i)});
        std::string printed;
        if (run(part, dir.path().string(), printed) != 0)
            throw std::runtime_error(whole.name + ", entry " + std::to_string(i) + ": " + printed);
        steps.insert(read_state(store).digest);
        if (!compacts || i + 1 != k_compaction_at) continue;
        run_sql(store, "INSERT OR REPLACE INTO meta VALUES ('consistent_index', " +
                           std::to_string(k_compaction_at) + "), ('term', 3), ('scheduled_compact_rev', " +
                           std::to_string(k_compacted) + ")");
        steps.insert(read_state(store).digest);
    }
    return steps;
}

}  // namespace

void add_log_scenarios(const Files& rollback, const Files& wal, std::vector<Scenario>& all) {
    for (const bool in_wal : {false, true}) {
        for (const bool compacts : {false, true}) {
            Scenario s{std::string("native, ") + (in_wal ? "WAL" : "rollback") + ": replay" +
                           (compacts ? " with a compaction" : ""),
                       in_wal ? wal : rollback,
                       {"replay", "--batch", "4", "LOG", "STORE"}};
            s.start[k_log] = log_text(compacts);
            s.steps = steps_of(s, compacts);
            all.push_back(std::move(s));
        }
    }
    std::vector<mvcc::Record> records;
    const std::string value(300, 'v');
    for (std::int64_t i = 2; i < 60; ++i) {
        mvcc::Record r;
        r.revision = {i, 0};
        r.key = i % 2 == 0 ? "even" : "odd";
        r.create_revision = 2 + i % 2;
        r.version = i / 2;
        r.value = value;
        records.push_back(r);
    }
    test::BboltImage image = test::etcd_image(records);
    image.buckets["mystery"]["a"] = std::string(5000, 'm');
    const std::string db = image.build();
    const Files files{{k_store, db}};
    for (const auto& args : std::vector<std::vector<std::string>>{
             {"import", "-o", "OUT", "STORE"}, {"compact", "--rev", "30", "-o", "OUT", "STORE"}}) {
        Scenario s{"bbolt: " + args.front(), files, args};
        s.to_output = true;
        all.push_back(std::move(s));
    }
    // In its place: a new file takes the name, and the old one is made unopenable.
    for (const auto& [kind, bytes] : {std::pair{"db", db}, std::pair{"snapshot", db + bbolt::sha256(db)}}) {
        for (const auto& args :
             std::vector<std::vector<std::string>>{{"compact", "--rev", "30", "STORE"},
                                                   {"compact", "--rev", "30", "--backup", "BACKUP", "STORE"},
                                                   {"vacuum", "STORE"}}) {
            all.push_back({std::string("bbolt ") + kind + " in place: " + args.front() +
                               (args.size() > 4 ? " with a backup" : ""),
                           {{k_store, bytes}},
                           args});
        }
    }
    all.push_back(
        {"kine, made of bbolt", files, {"import", "--to", "kine", "-o", "OUT", "STORE"}, false, true});
    all.push_back({"bbolt, made of native",
                   rollback,
                   {"import", "--to", "snapshot", "-o", "OUT", "STORE"},
                   false,
                   true});
}

}  // namespace kvctl::crash
