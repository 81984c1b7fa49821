#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/proto.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/real_data.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;
using nlohmann::json;

namespace {

constexpr const char* k_rows =
    "SELECT main, sub, tombstone, key, create_revision, version, lease, value FROM revision ORDER BY main, "
    "sub";

// Everything a replay may change.
std::vector<std::string> content(const std::string& path) {
    std::vector<std::string> all = query(path, k_rows);
    for (const char* const sql :
         {"SELECT name, value FROM meta ORDER BY name", "SELECT id, ttl FROM lease ORDER BY id"}) {
        for (std::string& row : query(path, sql)) all.push_back(std::move(row));
    }
    return all;
}

// A message under construction.
class Message {
  public:
    Message& number(std::uint32_t field, std::int64_t value) {
        proto::append_number(bytes_, field, static_cast<std::uint64_t>(value));
        return *this;
    }
    Message& bytes(std::uint32_t field, const std::string& value) {
        proto::append_bytes(bytes_, field, value);
        return *this;
    }
    Message& message(std::uint32_t field, const Message& value) { return bytes(field, value.bytes_); }
    [[nodiscard]] const std::string& str() const { return bytes_; }

  private:
    std::string bytes_;
};

Message put_body(const std::string& key, const std::string& value, std::int64_t lease = 0) {
    Message m;
    m.bytes(1, key).bytes(2, value);
    if (lease != 0) m.number(3, lease);
    return m;
}
std::string put(const std::string& key, const std::string& value, std::int64_t lease = 0) {
    return Message().message(4, put_body(key, value, lease)).str();
}
std::string keep_value(const std::string& key) {
    return Message().message(4, Message().bytes(1, key).number(5, 1)).str();
}
std::string del(const std::string& key, const std::string& end = "") {
    Message m;
    m.bytes(1, key);
    if (!end.empty()) m.bytes(2, end);
    return Message().message(5, m).str();
}
std::string compaction(std::int64_t at) {
    return Message().message(7, Message().number(1, at)).str();
}
std::string grant(std::int64_t id, std::int64_t ttl) {
    return Message().message(8, Message().number(1, ttl).number(2, id)).str();
}
std::string revoke(std::int64_t id) {
    return Message().message(9, Message().number(1, id)).str();
}
std::string alarm(std::int64_t action, std::int64_t kind) {
    return Message().message(10, Message().number(1, action).number(2, 5).number(3, kind)).str();
}
// If the value of `key` is `value`, puts then_key = "yes", else "no".
std::string if_value(const std::string& key, const std::string& value, const std::string& then_key) {
    const Message yes = Message().message(2, put_body(then_key, "yes"));
    const Message no = Message().message(2, put_body(then_key, "no"));
    return Message()
        .message(6, Message()
                        .message(1, Message().number(2, 3).bytes(3, key).bytes(7, value))
                        .message(2, yes)
                        .message(3, no))
        .str();
}

struct LogShape {
    std::uint64_t first = 1;
    std::uint64_t commit = 1000000;
    std::uint64_t snapshot = 0;
    bool hard_state = true;
    std::uint64_t term = 3;
};

// A log of kvctl.raftlog/1.
void write_log(const std::string& path, const std::vector<std::string>& data, const LogShape& shape = {}) {
    json header{{"format", "kvctl.raftlog/1"},
                {"snapshot", {{"index", shape.snapshot}, {"term", shape.snapshot == 0 ? 0 : 1}}}};
    const std::uint64_t last = shape.first + data.size() - 1;
    if (shape.hard_state) {
        header["hard_state"] = {{"term", shape.term}, {"vote", 1}, {"commit", std::min(shape.commit, last)}};
    }
    std::string text = header.dump() + "\n";
    std::uint64_t index = shape.first;
    for (const std::string& d : data) {
        text +=
            json{
                {"index", index++}, {"term", shape.term}, {"type", "EntryNormal"}, {"data", base64_encode(d)}}
                .dump() +
            "\n";
    }
    write_file(path, text);
}

json replay_json(const std::string& log, const std::string& store, std::vector<std::string> more = {}) {
    std::vector<std::string> args{"replay", "--json", log, store};
    args.insert(args.end(), more.begin(), more.end());
    const Result r = run_cli(args);
    CHECK_MESSAGE(r.code == 0, r.err);
    return r.code == 0 ? json::parse(r.out) : json::object();
}

int replay(const std::string& log, const std::string& store, std::vector<std::string> more = {}) {
    std::vector<std::string> args{"replay", "-q", log, store};
    args.insert(args.end(), more.begin(), more.end());
    return run_cli(args).code;
}

// The numbers that a dry run and the real one share.
json shared_numbers(json report) {
    for (const char* name : {"dry_run", "result", "store", "duration_ms"}) report.erase(name);
    return report;
}

// "a=1 b=2": what is live at the end.
std::string live(const std::string& path) {
    std::string all;
    for (const std::string& line : {run_cli({"get", "", "--prefix", "-w", "jsonl", path}).out}) {
        std::size_t at = 0;
        while (at < line.size()) {
            const std::size_t end = line.find('\n', at);
            const json j = json::parse(line.substr(at, end - at));
            if (j.at("type") == "kv") {
                const auto text = [&](const char* name) {
                    return j.contains(name) ? base64_decode(j.at(name).get<std::string>()).value()
                                            : std::string();
                };
                all += (all.empty() ? "" : " ") + text("key") + "=" + text("value");
            }
            at = end + 1;
        }
    }
    return all;
}

// Gives table meta another constraint.
void set_meta_table(const std::string& path, const std::string& constraint) {
    run_sql(
        path,
        "ALTER TABLE meta RENAME TO old; CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL" +
            constraint + ") WITHOUT ROWID; INSERT INTO meta SELECT * FROM old; DROP TABLE old");
}

const std::vector<std::string> k_mixed{put("a", "1"),
                                       put("b", "1"),
                                       grant(7, 60),
                                       put("c", "1", 7),
                                       if_value("a", "1", "d"),
                                       put("a", "2"),
                                       compaction(4),
                                       compaction(4),
                                       "",
                                       keep_value("a"),
                                       if_value("a", "1", "e"),
                                       revoke(7),
                                       put("x", "1", 99),
                                       del("b"),
                                       compaction(8),
                                       put("b", "2"),
                                       compaction(100),
                                       grant(8, 1),
                                       put("f", "1", 8),
                                       del("a", "c"),
                                       keep_value("f"),
                                       if_value("f", "1", "g"),
                                       compaction(13),
                                       put("z", "last")};

}  // namespace

TEST_CASE("replay: a real log from its first entry makes that data dir's own db") {
    for (const RealData& real : real_data()) {
        const json& wal = real.expected.at("wal");
        if (wal.at("read_from").at("index") != 0 || wal.at("entries")[0].at("index") != 1) continue;
        CAPTURE(real.name);
        const TempDir dir;
        REQUIRE(run_cli({"import", "-q", real.db, "-o", dir.file("db")}).code == 0);
        make_native(dir.file("dry"), {});
        make_native(dir.file("fresh"), {});
        const json forecast = replay_json(real.data_dir, dir.file("dry"), {"--dry-run"});
        const json report = replay_json(real.data_dir, dir.file("fresh"));
        CHECK(shared_numbers(report) == shared_numbers(forecast));
        CHECK(content(dir.file("dry")).empty());
        CHECK(report.at("schema") == "kvctl.replay/1");
        CHECK(query(dir.file("fresh"), k_rows) == query(dir.file("db"), k_rows));
        CHECK(query(dir.file("fresh"), "SELECT * FROM lease ORDER BY id") ==
              query(dir.file("db"), "SELECT * FROM lease ORDER BY id"));
        CHECK(native_meta(dir.file("fresh"), "finished_compact_rev") ==
              native_meta(dir.file("db"), "finished_compact_rev"));
        // etcd 3.4 lets the index of its db lag behind the last entry it applied.
        CHECK(native_meta(dir.file("fresh"), "consistent_index") ==
              wal.at("hard_state").at("commit").get<std::int64_t>());
        for (const json& h : real.expected.at("db").at("initial").at("hash_sweep")) {
            if (h[0] != real.expected.at("db").at("initial").at("current_revision")) continue;
            const json hash =
                json::parse(run_cli({"hash", "--json", "--rev", h[0].dump(), dir.file("fresh")}).out);
            CHECK(hash.at("hash_decimal") == h[1]);
        }
        CHECK(run_cli({"check", dir.file("fresh")}).code == 0);
        // Once more changes nothing.
        const auto before = content(dir.file("fresh"));
        CHECK(replay_json(real.data_dir, dir.file("fresh")).at("result") == "nothing-to-apply");
        CHECK(content(dir.file("fresh")) == before);
        // The db lags: what is left of the log changes nothing but its index.
        REQUIRE(replay(real.data_dir, dir.file("db")) == 0);
        CHECK(query(dir.file("db"), k_rows) == query(dir.file("fresh"), k_rows));
    }
}

TEST_CASE("replay: every kind of request, and the same numbers in a dry run") {
    const TempDir dir;
    write_log(dir.file("log"), k_mixed);
    make_native(dir.file("dry"), {});
    make_native(dir.file("s"), {});
    const std::string untouched = read_file(dir.file("dry"));
    const json forecast = replay_json(dir.file("log"), dir.file("dry"), {"--dry-run"});
    const json report = replay_json(dir.file("log"), dir.file("s"));
    CHECK(read_file(dir.file("dry")) == untouched);
    CHECK(shared_numbers(report) == shared_numbers(forecast));
    CHECK(forecast.at("result") == "would-replay");
    CHECK(report.at("result") == "replayed");
    CHECK(report.at("entries") == 24);
    CHECK(report.at("consistent_index") == 24);
    CHECK(report.at("term") == 3);
    CHECK(report.at("refused") == json{{"compacted", 1}, {"future-revision", 1}, {"lease-not-found", 1}});
    CHECK(report.at("compactions").size() == 3);
    CHECK(report.at("leases") == json{{"granted", 2}, {"revoked", 1}, {"now", 1}});
    CHECK(live(dir.file("s")) == "d=yes e=no f=1 g=yes z=last");
    CHECK(native_meta(dir.file("s"), "finished_compact_rev") == 13);
    CHECK(native_meta(dir.file("s"), "scheduled_compact_rev") == 13);
    CHECK(query(dir.file("s"), "SELECT * FROM lease") == std::vector<std::string>{"8|2"});
    CHECK(run_cli({"check", dir.file("s")}).code == 0);
}

TEST_CASE("replay: the state is the same wherever a run ended, and however large its transactions are") {
    const TempDir dir;
    write_log(dir.file("log"), k_mixed);
    make_native(dir.file("want"), {});
    REQUIRE(replay(dir.file("log"), dir.file("want")) == 0);
    const auto want = content(dir.file("want"));
    for (std::size_t stop = 0; stop <= k_mixed.size(); ++stop) {
        CAPTURE(stop);
        const std::string path = dir.file("s" + std::to_string(stop));
        make_native(path, {}, {.shuffled = false, .key_index = stop % 2 == 0, .wal = stop % 3 == 0});
        REQUIRE(replay(dir.file("log"), path, {"--until-index", std::to_string(stop)}) == 0);
        CHECK(std::max<std::int64_t>(native_meta(path, "consistent_index"), 0) ==
              static_cast<std::int64_t>(stop));
        REQUIRE(replay(dir.file("log"), path, {"--batch", "1"}) == 0);
        CHECK(content(path) == want);
    }
}

// A constraint makes a write fail at a chosen point; the transaction it stands in is lost, as in a crash.
TEST_CASE("replay: a run that dies loses at most its last transaction and is taken up again") {
    const TempDir dir;
    write_log(dir.file("log"), k_mixed);
    make_native(dir.file("want"), {});
    REQUIRE(replay(dir.file("log"), dir.file("want")) == 0);
    const auto want = content(dir.file("want"));
    std::vector<std::string> points;
    for (std::size_t i = 1; i <= k_mixed.size(); ++i) {
        points.push_back("name = 'consistent_index' AND value >= " + std::to_string(i));
    }
    for (const int at : {4, 8, 13}) {
        points.push_back("name = 'scheduled_compact_rev' AND value = " + std::to_string(at));
        points.push_back("name = 'finished_compact_rev' AND value = " + std::to_string(at));
    }
    bool pending = false;
    for (const std::string batch : {"1", "3"}) {
        for (std::size_t i = 0; i < points.size(); ++i) {
            CAPTURE(batch);
            CAPTURE(points[i]);
            const std::string path = dir.file("s" + batch + "-" + std::to_string(i));
            make_native(path, {});
            set_meta_table(path, " CHECK (NOT (" + points[i] + "))");
            CHECK(replay(dir.file("log"), path, {"--batch", batch}) != 0);
            pending = pending ||
                      native_meta(path, "scheduled_compact_rev") > native_meta(path, "finished_compact_rev");
            set_meta_table(path, "");
            const json forecast = replay_json(dir.file("log"), path, {"--dry-run"});
            CHECK(shared_numbers(replay_json(dir.file("log"), path)) == shared_numbers(forecast));
            CHECK(content(path) == want);
        }
    }
    CHECK(pending);
}

TEST_CASE("replay: a compaction that the store has pending is finished first") {
    const TempDir dir;
    NativeShape shape;
    shape.meta = {{"scheduled_compact_rev", 3}, {"consistent_index", 10}};
    const std::vector<naive::Row> rows{{{2, 0}, false, "k", 2, 1, 0, "1"},
                                       {{3, 0}, false, "k", 2, 2, 0, "2"}};
    make_native(dir.file("s"), rows, shape);
    write_log(dir.file("log"), {put("k", "3"), compaction(3)}, {.first = 11, .snapshot = 10});
    const json forecast = replay_json(dir.file("log"), dir.file("s"), {"-n"});
    const json report = replay_json(dir.file("log"), dir.file("s"));
    CHECK(shared_numbers(report) == shared_numbers(forecast));
    CHECK(report.at("compactions") == json::parse(R"([{"index":null,"revision":3,"removed_revisions":1}])"));
    CHECK(report.at("refused") == json{{"compacted", 1}});
    CHECK(native_meta(dir.file("s"), "finished_compact_rev") == 3);
    CHECK(native_rows(dir.file("s")).size() == 2);
}

TEST_CASE("replay: the log may lie in the store itself") {
    const TempDir dir;
    NativeShape shape;
    shape.raft = true;
    shape.key_index = true;
    make_native(dir.file("s"), {}, shape);
    std::string sql = "INSERT INTO meta VALUES ('raft_commit', 23), ('raft_term', 3), ('raft_vote', 1);";
    const auto hex_of = [](const std::string& bytes) {
        std::string out;
        for (const char c : bytes) {
            out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
            out += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
        }
        return out;
    };
    for (std::size_t i = 0; i < k_mixed.size(); ++i) {
        sql += "INSERT INTO raft_entry VALUES (" + std::to_string(i + 1) + ", 3, 0, x'" + hex_of(k_mixed[i]) +
               "');";
    }
    run_sql(dir.file("s"), sql);
    write_log(dir.file("log"), k_mixed, {.commit = 23});
    make_native(dir.file("want"), {});
    REQUIRE(replay(dir.file("log"), dir.file("want")) == 0);
    // Named by the folder that it lies in as well.
    std::filesystem::create_directory(dir.file("folder"));
    std::filesystem::copy_file(dir.file("s"), dir.file("folder/s"));
    const json forecast = replay_json(dir.file("s"), dir.file("s"), {"--dry-run"});
    CHECK(replay_json(dir.file("folder/s"), dir.file("folder")).at("entries") == forecast.at("entries"));
    CHECK(query(dir.file("folder/s"), k_rows) == query(dir.file("want"), k_rows));
    CHECK(shared_numbers(replay_json(dir.file("s"), dir.file("s"))) == shared_numbers(forecast));
    CHECK(query(dir.file("s"), k_rows) == query(dir.file("want"), k_rows));
    CHECK(native_meta(dir.file("s"), "consistent_index") == 23);
    CHECK(native_meta(dir.file("s"), "raft_commit") == 23);
    CHECK(query(dir.file("s"), "SELECT count(*) FROM raft_entry") == std::vector<std::string>{"24"});
}

TEST_CASE("replay: entries that are not committed stay out") {
    const TempDir dir;
    write_log(dir.file("log"), {put("a", "1"), put("b", "1"), put("c", "1")}, {.commit = 2});
    make_native(dir.file("s"), {});
    const json report = replay_json(dir.file("log"), dir.file("s"), {"--until-index", "3"});
    CHECK(report.at("consistent_index") == 2);
    CHECK(report.at("warnings").dump().find("last committed entry 2") != std::string::npos);
    CHECK(live(dir.file("s")) == "a=1 b=1");
    write_log(dir.file("all"), {put("a", "1"), put("b", "1"), put("c", "1")}, {.hard_state = false});
    const json rest = replay_json(dir.file("all"), dir.file("s"));
    CHECK(rest.at("entries") == 1);
    CHECK(rest.at("warnings").dump().find("no hard state") != std::string::npos);
}

TEST_CASE("replay: alarms hold over a restart") {
    const TempDir dir;
    write_log(dir.file("log"), {put("a", "1"), alarm(1, 1), put("b", "1"), alarm(2, 1), put("c", "1")});
    for (const char* const stop : {"0", "1", "2", "3", "4"}) {
        CAPTURE(std::string(stop));
        const std::string path = dir.file(std::string("s") + stop);
        make_native(path, {});
        REQUIRE(replay(dir.file("log"), path, {"--until-index", stop}) == 0);
        REQUIRE(replay(dir.file("log"), path) == 0);
        CHECK(live(path) == "a=1 c=1");
    }
}

TEST_CASE("replay: a transaction that only a range's revision fails is warned of") {
    const TempDir dir;
    const Message range = Message().message(1, Message().bytes(1, "a").number(4, 99));
    const Message op = Message().message(2, put_body("a", "2"));
    write_log(dir.file("log"),
              {put("a", "1"), Message().message(6, Message().message(2, range).message(2, op)).str()});
    make_native(dir.file("s"), {});
    const json report = replay_json(dir.file("log"), dir.file("s"));
    CHECK(report.at("findings")[0].at("code") == "range-revision");
    CHECK(live(dir.file("s")) == "a=1");
}

TEST_CASE("replay: what cannot be applied as a whole is refused, and the store stays as it was") {
    const TempDir dir;
    NativeShape at_two;
    at_two.meta = {{"consistent_index", 2}, {"term", 3}};
    const std::vector<naive::Row> row{{{2, 0}, false, "k", 2, 1, 0, "v"}};
    struct Row {
        std::string name;
        std::vector<std::string> data;
        LogShape shape;
        int code;
        std::string part;
    };
    const std::string user = Message().message(100, Message().bytes(2, "alice")).str();
    const std::vector<Row> cases{
        {"begins too late", {put("a", "1")}, {.first = 5, .snapshot = 4}, 4, "entries between are missing"},
        {"another history", {put("a", "1"), put("b", "1"), put("c", "1")}, {.term = 4}, 4, "another history"},
        {"authentication", {"", "", put("a", "1"), user + put("b", "1")}, {}, 4, "authentication is on"},
        {"enabled in a log without its beginning",
         {put("a", "1"), Message().message(1000, Message()).str()},
         {.first = 3, .snapshot = 2},
         4,
         "authentication is on"},
        {"an entry that does not decode", {"", "", put("a", "1"), "\x22\x05"}, {}, 6, "does not decode"},
    };
    for (const Row& c : cases) {
        CAPTURE(c.name);
        write_log(dir.file("log"), c.data, c.shape);
        const std::string path = dir.file("s");
        std::filesystem::remove(path);
        make_native(path, row, at_two);
        const auto before = content(path);
        for (const bool dry : {true, false}) {
            const Result r = dry ? run_cli({"replay", "-n", dir.file("log"), path})
                                 : run_cli({"replay", dir.file("log"), path});
            CHECK(r.code == c.code);
            CHECK_MESSAGE(r.err.find(c.part) != std::string::npos, r.err);
        }
        CHECK(content(path) == before);
    }
    // A table that kvctl does not write into.
    write_log(dir.file("log"), {put("a", "1")});
    make_native(dir.file("watched"), {});
    run_sql(dir.file("watched"), "CREATE TRIGGER watchman AFTER INSERT ON revision BEGIN SELECT 1; END");
    for (const bool dry : {true, false}) {
        const Result r = dry ? run_cli({"replay", "-n", dir.file("log"), dir.file("watched")})
                             : run_cli({"replay", dir.file("log"), dir.file("watched")});
        CHECK(r.code == 4);
        CHECK_MESSAGE(r.err.find("trigger 'watchman'") != std::string::npos, r.err);
    }
    // Failed attempts to enable authentication do no harm.
    write_log(dir.file("log"), {put("a", "1"), Message().message(1000, Message()).str(), put("b", "1")});
    make_native(dir.file("fresh"), {});
    CHECK(replay(dir.file("log"), dir.file("fresh")) == 0);

    write_file(dir.file("gap"), "{\"index\":1,\"term\":1,\"type\":0}\n{\"index\":3,\"term\":1,\"type\":0}\n");
    make_native(dir.file("empty"), {});
    CHECK(run_cli({"replay", dir.file("gap"), dir.file("empty")}).code == 6);
    // Rows of unknown origin.
    make_native(dir.file("rows"), row);
    const Result unknown = run_cli({"replay", dir.file("log"), dir.file("rows")});
    CHECK(unknown.code == 4);
    CHECK(unknown.err.find("no consistent index") != std::string::npos);
    CHECK(run_cli({"replay", dir.file("log")}).code == 2);
    CHECK(run_cli({"replay", dir.file("log"), dir.file("none")}).code == 7);
    CHECK(run_cli({"replay", dir.file("none"), dir.file("fresh")}).code == 7);
    CHECK(run_cli({"replay", "--batch", "0", dir.file("log"), dir.file("fresh")}).code == 2);
}

TEST_CASE("replay: a compaction that would lose a live key under the newer rule is refused") {
    const TempDir dir;
    const Message remove = Message().message(3, Message().bytes(1, "b").bytes(2, std::string(1, '\0')));
    const Message again = Message().message(2, put_body("b", "2"));
    write_log(dir.file("log"),
              {put("b", "1"), Message().message(6, Message().message(2, remove).message(2, again)).str(),
               compaction(3)});
    make_native(dir.file("s"), {});
    for (const bool dry : {true, false}) {
        std::vector<std::string> args{"replay", "--tombstones", "keep-at-rev", dir.file("log"),
                                      dir.file("s")};
        if (dry) args.emplace_back("-n");
        const Result r = run_cli(args);
        CHECK(r.code == 4);
        CHECK(r.err.find("--tombstones classic") != std::string::npos);
    }
    CHECK(native_meta(dir.file("s"), "scheduled_compact_rev") == -1);
    REQUIRE(replay(dir.file("log"), dir.file("s")) == 0);
    CHECK(live(dir.file("s")) == "b=2");
    CHECK(native_rows(dir.file("s")).size() == 1);
}

TEST_CASE("replay: a kine store and an etcd db are not written") {
    const TempDir dir;
    write_log(dir.file("log"), {put("a", "1")});
    run_sql(dir.file("kine"),
            "CREATE TABLE kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name INTEGER, created INTEGER, deleted "
            "INTEGER, create_revision INTEGER, prev_revision INTEGER, lease INTEGER, value BLOB, old_value "
            "BLOB)");
    CHECK(run_cli({"replay", dir.file("log"), dir.file("kine")}).code == 4);
    for (const RealData& real : real_data()) {
        const std::string before = read_file(real.db);
        const Result r = run_cli({"replay", "--json", real.data_dir, real.db});
        CHECK(r.code == 4);
        CHECK(json::parse(r.err).at("error").at("kind") == "read-only-layout");
        CHECK(read_file(real.db) == before);
    }
}

TEST_CASE("replay: the text report") {
    const TempDir dir;
    write_log(dir.file("log"), k_mixed);
    make_native(dir.file("s"), {});
    const Result dry = run_cli({"replay", "-n", dir.file("log"), dir.file("s")});
    CHECK(dry.out.find("dry run") != std::string::npos);
    CHECK(dry.out.find("24 entries would be applied") != std::string::npos);
    CHECK(dry.out.substr(dry.out.find("\n\n")).find("kvctl replay ") != std::string::npos);
    const Result real = run_cli({"replay", dir.file("log"), dir.file("s")});
    CHECK(real.out.find("24 entries applied, raft index 1 to 24") != std::string::npos);
    const Result again = run_cli({"replay", dir.file("log"), dir.file("s")});
    CHECK(again.out.find("nothing to apply") != std::string::npos);
}
