#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "kvctl/base/proto.hpp"
#include "kvctl/sqlite/database.hpp"
#include "tests/support/requests.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;
using nlohmann::json;

namespace {

std::string hex_of(const std::string& bytes) {
    static constexpr char k_digits[] = "0123456789abcdef";
    std::string out;
    for (const char c : bytes) {
        out += k_digits[static_cast<unsigned char>(c) >> 4];
        out += k_digits[static_cast<unsigned char>(c) & 15];
    }
    return out;
}

// put a 1, put b 1, delete a, delete a (nothing), compact to 2, put a 2: revisions 2, 3, 4, none, none, 5;
// not applied: 7.
struct StoreWithLog {
    TempDir dir;
    std::string path = dir.file("store");

    StoreWithLog() {
        auto db = sqlite::Database::open(path, sqlite::Database::Mode::create);
        std::string compaction("\x3a\x02\x08\x02", 4);
        db.exec(
            "PRAGMA application_id = 1802920820; PRAGMA user_version = 1;"
            "CREATE TABLE revision (main INTEGER NOT NULL, sub INTEGER NOT NULL, tombstone INTEGER NOT NULL,"
            " key BLOB NOT NULL, create_revision INTEGER NOT NULL, version INTEGER NOT NULL, lease INTEGER "
            "NOT NULL,"
            " value BLOB, PRIMARY KEY (main, sub));"
            "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
            "CREATE TABLE lease (id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL);"
            "CREATE TABLE raft_entry (idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, type INTEGER NOT NULL, "
            "data BLOB);"
            "INSERT INTO revision VALUES (2, 0, 0, x'61', 2, 1, 0, x'31'), (3, 0, 0, x'62', 3, 1, 0, x'31'),"
            " (4, 0, 1, x'61', 0, 0, 0, NULL), (5, 0, 0, x'61', 5, 1, 0, x'32');"
            "INSERT INTO meta VALUES ('consistent_index', 6), ('raft_term', 1), ('raft_vote', 10), "
            "('raft_commit', 7),"
            " ('scheduled_compact_rev', 2), ('finished_compact_rev', 2);");
        const std::string data[] = {put_request("a", "1"),
                                    put_request("b", "1"),
                                    delete_request("a"),
                                    delete_request("a"),
                                    compaction,
                                    put_request("a", "2"),
                                    put_request("c", "1")};
        int index = 0;
        for (const std::string& d : data) {
            db.exec("INSERT INTO raft_entry VALUES (" + std::to_string(++index) + ", 1, 0, x'" + hex_of(d) +
                    "')");
        }
    }
};

std::vector<json> lines(const std::string& text) {
    std::vector<json> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) out.push_back(json::parse(line));
    return out;
}

const std::string k_faulty = "{\"index\":1,\"term\":2}\n{\"index\":3,\"term\":1}\n";

}  // namespace

TEST_CASE("raft command: the report in every format") {
    const StoreWithLog s;
    const Result text = run_cli({"raft", s.path});
    CHECK(text.code == 0);
    CHECK(text.err.empty());
    CHECK(text.out.find("hard state  term 1, vote a, commit 7") != std::string::npos);
    CHECK(text.out.find("applied     6 entries (consistent index 6)") != std::string::npos);
    const Result document = run_cli({"raft", "--json", s.path});
    CHECK(document.code == 0);
    const json j = json::parse(document.out);
    CHECK(j.at("schema") == "kvctl.raft/1");
    CHECK(j.at("source") == "store");
    CHECK(j.at("snapshot") == json{{"index", 0}, {"term", 0}});
    CHECK(j.at("first_index") == 1);
    CHECK(j.at("last_index") == 7);
    CHECK(j.at("entries") == 7);
    CHECK(j.at("by_type") == json{{"EntryNormal", 7}});
    CHECK(j.at("by_request") == json{{"put", 4}, {"delete_range", 2}, {"compaction", 1}});
    CHECK(j.at("hard_state") == json{{"term", 1}, {"vote", "a"}, {"commit", 7}});
    CHECK(j.at("committed") == 7);
    CHECK(j.at("applied") == 6);
    CHECK(j.at("findings").empty());
    CHECK_FALSE(j.contains("listed_entries"));
    const std::vector<json> all = lines(run_cli({"raft", "-w", "jsonl", s.path}).out);
    REQUIRE(all.size() == 8);
    CHECK(all[0] == json{{"type", "entry"},
                         {"index", 1},
                         {"term", 1},
                         {"entry_type", "EntryNormal"},
                         {"bytes", 16},
                         {"request", "put"}});
    CHECK(all[7].at("type") == "summary");
    CHECK(all[7].at("entries") == 7);
    CHECK(run_cli({"raft", "-q", s.path}).out.empty());
}

TEST_CASE("raft command: filters choose which entries are listed") {
    const StoreWithLog s;
    const auto listed = [&](std::vector<std::string> options) {
        options.insert(options.begin(), {"raft", "--json"});
        options.push_back(s.path);
        const Result r = run_cli(options);
        REQUIRE(r.code == 0);
        std::string indexes;
        const json document = json::parse(r.out);
        for (const json& e : document.at("listed_entries")) {
            indexes += std::to_string(e.at("index").get<int>()) + " ";
        }
        return indexes;
    };
    CHECK(listed({"--entries"}) == "1 2 3 4 5 6 7 ");
    CHECK(listed({"--start-index", "6"}) == "6 7 ");
    CHECK(listed({"--end-index", "2"}) == "1 2 ");
    CHECK(listed({"--request", "delete_range"}) == "3 4 ");
    CHECK(listed({"--term", "1", "--start-index", "3", "--end-index", "3"}) == "3 ");
    CHECK(listed({"--term", "2"}).empty());
    CHECK(listed({"--entry-type", "EntryConfChange"}).empty());
    CHECK(run_cli({"raft", "--request", "compaction", s.path}).out.find("compaction revision 2") !=
          std::string::npos);
}

TEST_CASE("raft command: a store tells which revision each request made") {
    const StoreWithLog s;
    const Result r = run_cli({"raft", "-w", "jsonl", "--store", s.path, s.path});
    CHECK(r.code == 0);
    std::vector<json> revisions;
    for (const json& line : lines(r.out)) {
        if (line.at("type") == "entry") revisions.push_back(line.at("revision"));
    }
    // The put of revision 2 is at the compact revision: its row proves nothing any more.
    CHECK(revisions == std::vector<json>{nullptr, 3, 4, nullptr, nullptr, 5, nullptr});
    CHECK(lines(r.out).back().at("store").at("logged_compaction") == 2);
}

TEST_CASE("raft command: a store that missed a logged compaction is a finding") {
    const StoreWithLog s;
    {
        auto db = sqlite::Database::open(s.path, sqlite::Database::Mode::write);
        db.exec("DELETE FROM meta WHERE name LIKE '%compact_rev'");
    }
    const Result r = run_cli({"raft", "--store", s.path, s.path});
    CHECK(r.code == 3);
    CHECK(r.err.find("compaction-missing") != std::string::npos);
}

TEST_CASE("raft command: findings are exit 3, on stderr in text and in the document in JSON") {
    TempDir dir;
    write_file(dir.file("log"), k_faulty);
    const Result text = run_cli({"raft", dir.file("log")});
    CHECK(text.code == 3);
    CHECK(text.err ==
          "kvctl: error: index-gap: index 3: entries 2 to 2 are missing\n"
          "kvctl: error: term-falls: index 3: term 1 behind term 2\n");
    const Result document = run_cli({"raft", "--json", dir.file("log")});
    CHECK(document.code == 3);
    CHECK(document.err.empty());
    CHECK(json::parse(document.out).at("findings").size() == 2);
    const Result quiet = run_cli({"raft", "-q", dir.file("log")});
    CHECK(quiet.code == 3);
    CHECK((quiet.out + quiet.err).empty());
}

TEST_CASE("raft command: a file name that is not UTF-8 does not break the document") {
    TempDir dir;
    const std::string path = dir.file("log \xFF");
    write_file(path, "CRC: 0\nEntry: rubbish\nEntry: Term:1 Index:1 \n");
    const Result r = run_cli({"raft", "--json", path});
    CHECK(r.code == 3);
    const json findings = json::parse(r.out).at("findings");
    REQUIRE(findings.size() == 2);
    CHECK(findings[0].at("where").get<std::string>().find("log \\xff") != std::string::npos);
}

TEST_CASE("raft command: damage that ends reading is exit 6 with line and column") {
    TempDir dir;
    write_file(dir.file("log"), "{\"index\":1,\"term\":1}\n{\"index\":2,\"term\":1,\"index\":2}\n");
    const Result r = run_cli({"raft", dir.file("log")});
    CHECK(r.code == 6);
    CHECK(r.err == "kvctl: " + dir.file("log") + ": line 2, column 21: a name stands twice in one object\n");
    CHECK(run_cli({"raft", dir.file("absent")}).code == 7);
}

TEST_CASE("raft compact command: the new log, and what is refused") {
    const StoreWithLog s;
    const Result done =
        run_cli({"raft", "compact", "--json", "--index", "4", "-o", s.dir.file("new"), s.path});
    CHECK(done.code == 0);
    const json j = json::parse(done.out);
    CHECK(j.at("result") == "compacted");
    CHECK(j.at("removed_entries") == 4);
    CHECK(j.at("snapshot") == json{{"index", 4}, {"term", 1}});
    CHECK(j.at("entries") == 3);
    CHECK(j.at("before").at("entries") == 7);
    const json after = json::parse(run_cli({"raft", "--json", s.dir.file("new")}).out);
    CHECK(after.at("snapshot") == json{{"index", 4}, {"term", 1}});
    CHECK(after.at("first_index") == 5);
    CHECK(after.at("hard_state").at("vote") == "a");

    const auto refused = [&](const std::string& index, const std::string& output) {
        return run_cli({"raft", "compact", "--index", index, "-o", output, s.path});
    };
    CHECK(refused("4", s.dir.file("new")).code == 4);
    CHECK(refused("8", s.dir.file("other"))
              .err.find(s.path + ": raft index 8 is above the log's last index 7") != std::string::npos);
    CHECK(refused("7", s.dir.file("other")).err.find("above the store's consistent index 6") !=
          std::string::npos);
    CHECK_FALSE(std::filesystem::exists(s.dir.file("other")));
    const Result copy = refused("0", s.dir.file("copy"));
    CHECK(copy.code == 0);
    CHECK(copy.out.find("already compacted to raft index 0; copied as it is") != std::string::npos);
    CHECK(json::parse(run_cli({"raft", "--json", s.dir.file("copy")}).out).at("entries") == 7);
    // A log of its own knows the commit only; with the store beside it the consistent index counts.
    CHECK(run_cli({"raft", "compact", "--index", "7", "-o", s.dir.file("seven"), s.dir.file("copy")}).code ==
          0);
    CHECK(run_cli({"raft", "compact", "--index", "7", "-o", s.dir.file("eight"), "--store", s.path,
                   s.dir.file("copy")})
              .code == 4);
}

TEST_CASE("raft compact command: a faulty log is compacted with warnings") {
    TempDir dir;
    write_file(dir.file("log"), k_faulty);
    const Result r = run_cli({"raft", "compact", "--index", "1", "-o", dir.file("new"), dir.file("log")});
    CHECK(r.code == 0);
    CHECK(r.err.find("index-gap") != std::string::npos);
}

TEST_CASE("raft command: usage errors") {
    TempDir dir;
    write_file(dir.file("log"), k_faulty);
    const std::string log = dir.file("log");
    for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
             {"raft"},
             {"raft", log, log},
             {"raft", "compact", log},
             {"raft", "compact", "--index", "1", log},
             {"raft", "compact", "--index", "1", "-o", "x", "--term", "1", log},
             {"raft", "compact", "--index", "-1", "-o", "x", log},
             {"raft", "--index", "1", log},
             {"raft", "-o", "x", log},
             {"raft", "--layout", "native", log},
             {"raft", "--tombstones", "classic", log},
             {"raft", "--term", "x", log},
             {"raft", "--start-index", "18446744073709551616", log},
             {"raft", "--request", "Put", log},
             {"raft", "--entry-type", "odd", log}}) {
        CAPTURE(args.size());
        CAPTURE(args.back());
        CHECK(run_cli(args).code == 2);
    }
}
