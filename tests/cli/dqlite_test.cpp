// What the commands make of a dqlite directory: read at any entry, found damaged, written anew.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kvctl/dqlite/state.hpp"
#include "tests/support/dqlite_maker.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/run_binary.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/small_disk.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

namespace fs = std::filesystem;
using namespace kvctl;
using namespace kvctl::test;
using json = nlohmann::json;
using Args = std::vector<std::string>;

namespace {

constexpr const char* k_schema =
    "DROP INDEX IF EXISTS kine_name_index; DROP INDEX IF EXISTS kine_name_id_index;"
    "DROP INDEX IF EXISTS kine_id_deleted_index; DROP INDEX IF EXISTS kine_prev_revision_index;"
    "DROP INDEX IF EXISTS kine_name_prev_revision_uindex; PRAGMA user_version = 65536;"
    "CREATE UNIQUE INDEX k8s_dqlite_name_del_index ON kine (name, id DESC, deleted)";

// Three states of a store, and the directory that went through them: a snapshot behind the second.
struct Sample {
    TempDir folder;
    std::vector<std::string> states;
    DqliteMaker maker;

    explicit Sample(bool snapshots = true) {
        KineMaker kine;
        for (int round = 0; round < 3; ++round) {
            for (int i = 0; i < 40; ++i)
                kine.put("/registry/k" + std::to_string(i % 13),
                         std::string(300, static_cast<char>('a' + round)));
            if (round == 1) kine.remove("/registry/k3");
            states.push_back(folder.file("state" + std::to_string(round)));
            kine.write(states.back(), {.age = KineAge::v0_1, .wal = false, .after = k_schema});
            maker.commit(states.back());
            if (round == 0 && snapshots) maker.snapshot();
            if (round == 1 && snapshots) maker.snapshot();
            if (round < 2) maker.close_segment();
        }
    }
    std::string write() {
        maker.write(directory());
        return directory();
    }
    [[nodiscard]] std::string directory() const { return folder.file("backend"); }
    [[nodiscard]] std::string file(const std::string& name) const { return folder.file(name); }
};

json document(Args args, int code = 0) {
    args.insert(args.begin() + 1, "--json");
    const Result r = run_cli(args);
    CAPTURE(args);
    CAPTURE(r.err);
    REQUIRE(r.code == code);
    return json::parse(r.out);
}

std::map<std::string, std::string> content_of(const std::string& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(folder))
        files[entry.path().filename().string()] = read_file(entry.path());
    return files;
}

bool names(const json& findings, const std::string& code, const std::string& where) {
    return std::any_of(findings.begin(), findings.end(), [&](const json& f) {
        return f["code"] == code && has(f["where"].get<std::string>(), where);
    });
}

dqlite::Configuration three_members() {
    return {{1, "10.0.0.1:19001", dqlite::Role::voter},
            {2, "10.0.0.2:19001", dqlite::Role::voter},
            {3, "10.0.0.3:19001", dqlite::Role::voter}};
}

// Another process that inherits what is open here, and holds it until it is stopped.
class Node {
  public:
    Node() {
        int quit[2];
        REQUIRE(::pipe2(quit, O_CLOEXEC) == 0);
        pid_ = ::fork();
        REQUIRE(pid_ >= 0);
        if (pid_ == 0) {
            ::close(quit[1]);
            char byte = 0;
            ::_exit(static_cast<int>(::read(quit[0], &byte, 1)));
        }
        ::close(quit[0]);
        quit_ = quit[1];
    }
    ~Node() { stop(); }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;
    [[nodiscard]] pid_t pid() const { return pid_; }
    void stop() {
        if (quit_ < 0) return;
        ::close(quit_);
        quit_ = -1;
        ::waitpid(pid_, nullptr, 0);
    }

  private:
    pid_t pid_ = -1;
    int quit_ = -1;
};

}  // namespace

TEST_CASE(
    "dqlite: status tells the term, the members, what kind of file takes what, and how far the log is") {
    Sample s;
    s.maker.configure(three_members());
    const std::string d = s.write();
    const json j = document({"status", d});
    CHECK(j["store"]["layout"] == "dqlite");
    CHECK(j["store"]["file_bytes"] == fs::file_size(s.states[2]));
    CHECK(j["revisions"]["current"] == 123);
    CHECK(j["raft_log"]["last_index"] == s.maker.last_index());
    const json& q = j["dqlite"];
    CHECK(q["database"] == "k8s");
    CHECK(q["term"] == 2);
    CHECK(q["members"].size() == 3);
    CHECK(q["members"][1] == json{{"id", "2"}, {"address", "10.0.0.2:19001"}, {"role", "voter"}});
    CHECK(q["snapshots"].size() == 2);
    CHECK(q["snapshots"][1]["used"] == true);
    CHECK(q["tail_may_be_uncommitted"] == true);
    CHECK(q["first_index"] == 1);
    CHECK(q["applied"] == s.maker.last_index());
    std::uint64_t all = 0;
    for (const auto& [kind, n] : q["bytes"].items()) all += n.get<std::uint64_t>();
    std::uint64_t files = 0;
    for (const auto& [name, content] : content_of(d)) files += content.size();
    CHECK(all == files);
    const std::string text = run_cli({"status", d}).out;
    CHECK(has(text, "10.0.0.3:19001, voter"));
    CHECK(has(text, "the tail may be uncommitted"));
    CHECK(has(text, "not used"));
}

TEST_CASE("dqlite: --raft-index reads the store as it was behind an entry, back to the oldest snapshot") {
    Sample s;
    const std::string d = s.write();
    // 1 configuration, 2 open, 3 to 5 the states, snapshots behind 3 and 4.
    for (const auto& [index, state] : {std::pair{"3", 0}, std::pair{"4", 1}, std::pair{"5", 2}}) {
        CAPTURE(index);
        CHECK(document({"status", "--raft-index", index, d})["revisions"] ==
              document({"status", s.states[static_cast<std::size_t>(state)]})["revisions"]);
    }
    const Result before = run_cli({"get", "--prefix", "/", "--raft-index", "2", d});
    CHECK(before.code == 4);
    CHECK(has(before.err, "the oldest snapshot is of index 3"));
    const Result nothing = run_cli({"status", "--raft-index", "0", d});
    CHECK(nothing.code == 4);
    CHECK(has(nothing.err, "the oldest snapshot is of index 3"));
    CHECK(run_cli({"status", "--raft-index", "3", s.states[0]}).code == 2);
}

TEST_CASE("dqlite: commands answer as they do of the database alone") {
    Sample s;
    const std::string d = s.write();
    for (const Args& args :
         {Args{"get", "/registry/", "--prefix"}, Args{"history", "/registry/k3"}, Args{"index"},
          Args{"explain", "/registry/k5", "--rev", "60"}, Args{"du"}, Args{"export"}}) {
        Args of_directory = args;
        Args of_database = args;
        of_directory.push_back(d);
        of_database.push_back(s.states[2]);
        CAPTURE(args);
        const Result a = run_cli(of_directory);
        const Result b = run_cli(of_database);
        CHECK(a.code == b.code);
        const auto without_names = [&](std::string text) {
            for (const std::string& name : {d, s.states[2]}) {
                for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name))
                    text.erase(at, name.size());
            }
            const std::string layout = "\"dqlite\"";
            if (const std::size_t at = text.find(layout); at != std::string::npos)
                text.replace(at, layout.size(), "\"kine\"");
            return text;
        };
        CHECK(without_names(a.out) == without_names(b.out));
    }
    CHECK(run_cli({"diff", d, s.states[2]}).code == 0);
    CHECK(run_cli({"hash", d}).code == 4);
}

TEST_CASE("dqlite: too full a disk is told with a directory as the way out, or the file that --to makes") {
    Sample s;
    const std::string d = s.write();
    const SmallDisk disk(std::uint64_t{1} << 20);
    if (!disk.mounted()) return;
    disk.fill_but_for(4096);
    const Args compact{"compact", "--keep-last", "5"};
    const auto run = [&](Args more) {
        Args args = compact;
        args.insert(args.end(), more.begin(), more.end());
        args.push_back(d);
        return run_cli(args);
    };
    const Result folder = run({"-o", disk.file("new")});
    CHECK(folder.code == 4);
    CHECK(has(folder.err, "'-o NEWDIR' on another disk needs"));
    const Result dry = run({"-n", "-o", disk.file("new")});
    CHECK(has(dry.out, "kvctl compact --keep-last 5 -o NEWDIR " + d));
    const Result file = run({"--to", "kine", "-o", disk.file("new.db")});
    CHECK(file.code == 4);
    CHECK(has(file.err, "'-o FILE' on another disk needs"));
}

TEST_CASE("dqlite: raft lists entries with their pages, and names members and snapshots") {
    Sample s;
    s.maker.next_term();
    s.maker.barrier();
    const std::string d = s.write();
    const json j = document({"raft", d});
    CHECK(j["format"] == "dqlite");
    CHECK(j["first_index"] == 1);
    CHECK(j["last_index"] == s.maker.last_index());
    CHECK(j["snapshot"] == json{{"index", 4}, {"term", 2}});
    CHECK(j["newest_snapshot"] == json{{"index", 4}, {"term", 2}});
    CHECK(j["terms"].size() == 2);
    CHECK(j["by_request"]["frames"] == 3);
    CHECK(names(j["findings"], "member", "1"));
    CHECK(names(j["findings"], "snapshot", "snapshot-2-4-1004"));
    const Result lines = run_cli({"raft", "--entries", "-w", "jsonl", d});
    CHECK(lines.code == 0);
    CHECK(has(lines.out, "\"request\":\"frames\",\"pages\":"));
    CHECK(has(lines.out, "\"request\":\"barrier\""));
}

TEST_CASE("dqlite: raft names a snapshot that is damaged, and goes by one that is not") {
    Sample s;
    s.write();
    const auto damage = [&](const std::string& name) {
        std::string bytes = read_file(s.directory() + "/" + name);
        bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
        write_file(s.directory() + "/" + name, bytes);
    };
    damage("snapshot-2-4-1004");
    const json older = document({"raft", s.directory()}, 3);
    CHECK(names(older["findings"], "snapshot", "snapshot-2-4-1004"));
    CHECK(older["snapshot"] == json{{"index", 3}, {"term", 2}});
    CHECK(older["newest_snapshot"].is_null());  // no node starts on it
    const json checked = document({"check", s.directory()}, 3);
    CHECK(std::count_if(checked["findings"].begin(), checked["findings"].end(),
                        [](const json& f) { return f["code"] == "snapshot"; }) == 1);
    damage("snapshot-2-3-1003.meta");
    const json none = document({"raft", s.directory()}, 3);
    CHECK(none["snapshot"]["index"] == 0);
    CHECK(names(none["findings"], "snapshot", "snapshot-2-3-1003"));
}

TEST_CASE("dqlite: its log is no log of etcd's, to be replayed or compacted") {
    Sample s;
    const std::string d = s.write();
    const Result compact = run_cli({"raft", "compact", d, "--index", "3", "-o", s.file("log")});
    CHECK(compact.code == 4);
    CHECK_FALSE(fs::exists(s.file("log")));
    CHECK(run_cli({"import", "-o", s.file("native.db"), d}).code == 0);
    run_sql(s.file("native.db"), "INSERT INTO meta VALUES ('consistent_index', 1), ('term', 1)");
    const Result replay = run_cli({"replay", d, s.file("native.db")});
    CHECK(replay.code == 4);
    CHECK(has(replay.err, "no requests of etcd's"));
}

TEST_CASE("dqlite: check finds a sound directory sound, and a damaged segment by name and entry") {
    Sample s;
    const json sound = document({"check", s.write()});
    CHECK(sound["findings"].empty());
    const std::string segment = s.directory() + "/0000000000000004-0000000000000004";
    const std::string whole = read_file(segment);
    std::string bytes = whole;
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
    write_file(segment, bytes);
    const json damaged = document({"check", s.directory()}, 3);
    CHECK(names(damaged["findings"], "segment", "0000000000000004-0000000000000004"));
    // The snapshot is of the same entry: nothing is lost of the rows, but dqlite reads the segment at its
    // start.
    const Result text = run_cli({"check", s.directory()});
    CHECK(has(text.out, "moves the file away as corrupt-*"));
}

TEST_CASE("dqlite: check tells metadata that dqlite does without from what it does not start on") {
    Sample s;
    s.write();
    const std::string other = encode(dqlite::Metadata{2, Term(1), 0});
    struct Row {
        std::string bytes;
        std::string said;  // nothing: it is sound
    };
    for (const Row& row : std::vector<Row>{{other, ""},
                                           {other.substr(0, 31), "cut short; dqlite removes it"},
                                           {"", "cut short; dqlite removes it"},
                                           {other + "x", "does not start"},
                                           {encode(dqlite::Metadata{0, Term(1), 0}), "does not start"},
                                           {std::string(32, '\x02'), "does not start"}}) {
        CAPTURE(row.said);
        CAPTURE(row.bytes.size());
        write_file(s.directory() + "/metadata2", row.bytes);
        const json found = document({"check", s.directory()}, row.said.empty() ? 0 : 3)["findings"];
        CHECK(names(found, "metadata", "metadata2") == !row.said.empty());
        CHECK(has(found.dump(), row.said));
        CHECK(has(found.dump(), "\"severity\":\"error\"") == (row.said == "does not start"));
    }
    // With neither it takes the directory for a new one, but where it does not start it takes nothing.
    write_file(s.directory() + "/metadata1", "");
    CHECK_FALSE(has(run_cli({"check", s.directory()}).out, "for a new one"));
    write_file(s.directory() + "/metadata2", "");
    CHECK(has(run_cli({"check", s.directory()}).out, "for a new one"));
}

TEST_CASE("dqlite: what cannot be applied is not compacted or imported without a word") {
    Sample s(false);
    s.write();
    const std::string segment = s.directory() + "/0000000000000004-0000000000000004";
    std::string bytes = read_file(segment);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
    write_file(segment, bytes);
    CHECK(names(document({"check", s.directory()}, 3)["findings"], "log-cut", ""));
    const Result compact = run_cli({"compact", "--keep-last", "5", "-o", s.file("new"), s.directory()});
    CHECK(compact.code == 6);
    CHECK(has(compact.err, "--raft-index 3"));
    CHECK_FALSE(fs::exists(s.file("new")));
    const Result import = run_cli({"import", "--to", "kine", "-o", s.file("out.db"), s.directory()});
    CHECK(import.code == 6);
    CHECK(has(import.err, "--salvage"));
    const Result at =
        run_cli({"import", "--to", "kine", "--raft-index", "3", "-o", s.file("out.db"), s.directory()});
    CHECK(at.code == 0);
    CHECK(run_cli({"diff", s.file("out.db"), s.states[0]}).code == 0);
}

TEST_CASE("dqlite: a newest snapshot that is damaged gives way to an older one, which check names") {
    Sample s;
    s.write();
    const std::string newest = "snapshot-2-4-1004";
    std::string bytes = read_file(s.directory() + "/" + newest);
    write_file(s.directory() + "/" + newest, bytes.substr(0, bytes.size() - 9));
    const Result r = run_cli({"check", s.directory()});
    CHECK(r.code == 3);
    CHECK(has(r.out, "the older snapshot-2-3-1003 and the log give everything: move " + newest + " and " +
                         newest + ".meta out of the folder"));
    CHECK(document({"status", s.directory()})["revisions"]["current"] == 123);
}

TEST_CASE("dqlite: in place is refused before anything else, and a dry run says so") {
    Sample s;
    const std::string d = s.write();
    const auto before = content_of(d);
    for (const Args& args : {Args{"compact", "--rev", "60"}, Args{"compact", "--rev", "1"}, Args{"vacuum"},
                             Args{"compact", "--keep-last", "100000"}}) {
        Args all = args;
        all.push_back(d);
        CAPTURE(args);
        const Result r = run_cli(all);
        CHECK(r.code == 4);
        CHECK(has(r.err, "-o NEWDIR"));
        CHECK(content_of(d) == before);
    }
    const json dry = document({"compact", "--rev", "60", "--dry-run", d});
    CHECK(dry["refusal_kind"] == "read-only-layout");
    CHECK(dry["removed"]["revisions"].get<int>() > 0);
    CHECK(content_of(d) == before);
}

TEST_CASE(
    "dqlite: -o writes a directory with term and index raised, its size foretold, its rows the plan's") {
    Sample s;
    s.maker.files()["info.yaml"] = "Address: 127.0.0.1:9001\nID: 1\nRole: 0\n";
    s.maker.files()["cluster.yaml"] = "- Address: 127.0.0.1:9001\n  ID: 1\n  Role: 0\n";
    const std::string d = s.write();
    const auto before = content_of(d);
    const std::string out = s.file("new");
    const json dry = document({"compact", "--rev", "100", "--dry-run", "-o", out, d});
    CHECK_FALSE(dry.contains("refusal"));
    CHECK_FALSE(fs::exists(out));
    const json done = document({"compact", "--rev", "100", "-o", out, d});
    CHECK(content_of(d) == before);
    for (const char* const part : {"kept", "removed", "before", "revisions"}) CHECK(done[part] == dry[part]);
    CHECK(done["size"]["file_after"] == dry["size"]["file_after_vacuum"]);
    dqlite::State made = dqlite::read_state(out);
    CHECK(made.findings.empty());
    CHECK(made.term.value() > 2);
    CHECK(made.folder.metadata->version > 1);
    CHECK(made.folder.metadata->voted_for == 0);
    CHECK(made.applied.value() > s.maker.last_index());
    CHECK(made.snapshot_compressed);
    CHECK(made.databases[0].bytes() == done["size"]["file_after"]);
    CHECK(read_file(out + "/info.yaml") == before.at("info.yaml"));
    CHECK(read_file(out + "/cluster.yaml") == before.at("cluster.yaml"));
    CHECK(content_of(out).size() == 5);
    // What the database alone compacts to.
    CHECK(run_cli({"compact", "--rev", "100", "-o", s.file("alone.db"), s.states[2]}).code == 0);
    CHECK(run_cli({"diff", out, s.file("alone.db")}).code == 0);
    CHECK(document({"check", out})["findings"].empty());
    // And as a kine store.
    CHECK(run_cli({"compact", "--rev", "100", "-o", s.file("kine.db"), "--to", "kine", d}).code == 0);
    CHECK(run_cli({"diff", s.file("kine.db"), s.file("alone.db")}).code == 0);
    CHECK(run_cli({"compact", "--rev", "100", "-o", out, d}).code == 4);
}

TEST_CASE("dqlite: of several members --voter takes one, and no other's info.yaml goes along") {
    Sample s;
    s.maker.configure(three_members());
    s.maker.files()["info.yaml"] = "Address: 10.0.0.1:19001\nID: 1\nRole: 0\n";
    s.maker.files()["cluster.yaml"] =
        "- Address: 10.0.0.1:19001\n  ID: 1\n  Role: 0\n- Address: 10.0.0.2:19001\n  ID: 2\n  Role: 1\n";
    const std::string d = s.write();
    const Result all = run_cli({"compact", "--rev", "100", "-o", s.file("all"), d});
    CHECK(all.code == 0);
    CHECK(has(all.out + all.err, "put the new directory on every member"));
    CHECK(has(all.out + all.err, "3 (10.0.0.3:19001)"));
    CHECK(dqlite::read_state(s.file("all")).configuration == three_members());
    const Result one = run_cli({"compact", "--rev", "100", "--voter", "2", "-o", s.file("one"), d});
    CHECK(one.code == 0);
    CHECK(has(one.out + one.err, "info.yaml is another member's"));
    CHECK(dqlite::read_state(s.file("one")).configuration ==
          dqlite::Configuration{{2, "10.0.0.2:19001", dqlite::Role::voter}});
    CHECK(read_file(s.file("one/cluster.yaml")) == "- Address: 10.0.0.2:19001\n  ID: 2\n  Role: 0\n");
    CHECK_FALSE(fs::exists(s.file("one/info.yaml")));
    const Result none = run_cli({"compact", "--rev", "100", "--voter", "9", "-o", s.file("none"), d});
    CHECK(none.code == 2);
    CHECK(has(none.err, "2 (10.0.0.2:19001)"));
    CHECK(run_cli({"compact", "-n", "--rev", "100", "--voter", "9", "-o", s.file("none"), d}).code == 2);
    CHECK(run_cli({"compact", "--rev", "100", "--voter", "2", d}).code == 2);
    CHECK(run_cli({"compact", "--rev", "100", "--voter", "2", "-o", s.file("k"), s.states[2]}).code == 2);
}

TEST_CASE(
    "dqlite: a node that holds the lock keeps a compaction from being written, not from being forecast") {
    Sample s;
    const std::string d = s.write();
    const int fd = ::open((d + "/dqlite-lock").c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(fd >= 0);
    REQUIRE(::flock(fd, LOCK_EX) == 0);
    CHECK(document({"compact", "--rev", "60", "--dry-run", d})["result"] == "would-compact");
    Node node;  // with the lock
    const json dry = document({"compact", "--rev", "60", "--dry-run", "-o", s.file("new"), d});
    CHECK(dry["refusal_kind"] == "in-use");
    CHECK(dry["refusal_pids"] == json::array({node.pid()}));
    CHECK(has(run_cli({"compact", "--rev", "60", "--dry-run", "-o", s.file("new"), d}).out,
              "a dqlite node runs on it"));
    CHECK_FALSE(document({"compact", "--rev", "60", "--dry-run", "-o", s.file("k"), "--to", "kine", d})
                    .contains("refusal"));
    node.stop();
    const Result r = run_cli({"compact", "--rev", "60", "--timeout", "50ms", "-o", s.file("new"), d});
    CHECK(r.code == 4);
    CHECK(has(r.err, "a dqlite node runs on it"));
    CHECK_FALSE(fs::exists(s.file("new")));
    ::close(fd);
    CHECK(run_cli({"compact", "--rev", "60", "--timeout", "50ms", "-o", s.file("new"), d}).code == 0);
}

TEST_CASE(
    "dqlite: a node that takes no lock shows by the segment that it writes to, whoever left a lock file") {
    Sample s;
    const std::string d = s.write();
    write_file(d + "/dqlite-lock", "");
    for (const int mode : {O_RDONLY, O_WRONLY}) {
        CAPTURE(mode);
        const int segment = ::open((d + "/open-1").c_str(), mode | O_CLOEXEC);
        REQUIRE(segment >= 0);
        const Node node;
        ::close(segment);
        const std::string out = s.file("new" + std::to_string(mode));
        const json dry = document({"compact", "--rev", "60", "--dry-run", "-o", out, d});
        const Result real = run_cli({"compact", "--rev", "60", "--timeout", "50ms", "-o", out, d});
        // Who only reads it is no node.
        CHECK(real.code == (mode == O_WRONLY ? 4 : 0));
        CHECK(dry.contains("refusal") == (mode == O_WRONLY));
        CHECK(has(real.err, "pid " + std::to_string(node.pid())) == (mode == O_WRONLY));
    }
}

TEST_CASE("dqlite: import takes the database as it is, or as any other layout") {
    Sample s;
    const std::string d = s.write();
    CHECK(run_cli({"import", "--to", "kine", "-o", s.file("kine.db"), d}).code == 0);
    std::string copy = read_file(s.file("kine.db"));
    CHECK(copy == read_file(s.states[2]));
    for (const char* const to : {"native", "bbolt", "snapshot"}) {
        CAPTURE(to);
        const std::string a = s.file(std::string(to) + "-a");
        const std::string b = s.file(std::string(to) + "-b");
        CHECK(run_cli({"import", "--to", to, "-o", a, d}).code == 0);
        CHECK(run_cli({"import", "--to", to, "-o", b, s.states[2]}).code == 0);
        CHECK(run_cli({"diff", a, b}).code == 0);
    }
}

TEST_CASE(
    "dqlite: salvage takes what stands behind damage and in files that were set aside, and nothing else") {
    for (const bool set_aside : {false, true}) {
        CAPTURE(set_aside);
        Sample s(false);
        s.write();
        if (set_aside) {
            fs::remove(s.directory() + "/0000000000000004-0000000000000004");
            fs::rename(s.directory() + "/open-1", s.directory() + "/corrupt-open-1");
        } else {
            const std::string segment = s.directory() + "/0000000000000004-0000000000000004";
            std::string bytes = read_file(segment);
            bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
            write_file(segment, bytes);
        }
        const std::string out = s.file("rescued.db");
        const json report = document({"import", "--salvage", "--to", "kine", "-o", out, s.directory()}, 3);
        CHECK(report["source"]["kind"] == "dqlite");
        std::uint64_t bytes = 0;
        for (const auto& entry : fs::directory_iterator(s.directory())) bytes += entry.file_size();
        CHECK(report["source"]["file_bytes"] == bytes);
        CHECK_FALSE(report["lost"].empty());
        const std::string all =
            "SELECT printf('%06d', id), name, created, deleted, create_revision, prev_revision, lease, "
            "hex(value), hex(old_value) "
            "FROM kine WHERE name <> 'compact_rev_key' ORDER BY id";
        const std::vector<std::string> rescued = query(out, all);
        const std::vector<std::string> before = query(s.states[0], all);
        const std::vector<std::string> after = query(s.states[2], all);
        CHECK(rescued.size() > before.size() + 20);
        CHECK(std::includes(after.begin(), after.end(), rescued.begin(), rescued.end()));
        CHECK(std::includes(rescued.begin(), rescued.end(), before.begin(), before.end()));
        CHECK(rescued.back() == after.back());
    }
}

TEST_CASE("dqlite: salvage takes a sound snapshot without its description, and the log behind it") {
    for (const bool lost : {true, false}) {
        CAPTURE(lost);
        Sample s;
        s.write();
        for (const char* const name : {"snapshot-2-3-1003.meta", "snapshot-2-4-1004.meta"}) {
            const std::string meta = s.directory() + "/" + name;
            std::string bytes = read_file(meta);
            bytes[40] = static_cast<char>(bytes[40] ^ 16);
            lost ? void(fs::remove(meta)) : write_file(meta, bytes);
        }
        fs::remove(s.directory() + "/0000000000000001-0000000000000003");
        CHECK(run_cli({"import", "-o", s.file("no.db"), s.directory()}).code == 6);
        const std::string out = s.file("rescued.db");
        CHECK(run_cli({"import", "--salvage", "--to", "kine", "-o", out, s.directory()}).code == 3);
        CHECK(run_cli({"diff", out, s.states[2]}).code == 0);
    }
}

TEST_CASE("dqlite: before a missing segment a state can be had, and behind it rows") {
    Sample s;
    s.maker.close_segment();
    s.write();
    for (const char* const name :
         {"0000000000000004-0000000000000004", "snapshot-2-4-1004", "snapshot-2-4-1004.meta"})
        fs::remove(s.directory() + "/" + name);
    const Result gap = run_cli({"import", "-o", s.file("no.db"), s.directory()});
    CHECK(gap.code == 6);
    CHECK(has(gap.err, "--raft-index 3 takes the state before the gap"));
    CHECK(run_cli({"import", "--raft-index", "3", "-o", s.file("three.db"), s.directory()}).code == 0);
    CHECK(run_cli({"diff", s.file("three.db"), s.states[0]}).code == 0);
    CHECK(run_cli({"import", "--raft-index", "4", "-o", s.file("no.db"), s.directory()}).code == 6);
    const std::string out = s.file("rescued.db");
    CHECK(run_cli({"import", "--salvage", "--to", "kine", "-o", out, s.directory()}).code == 3);
    const char* const ids = "SELECT printf('%06d', id) FROM kine WHERE name <> 'compact_rev_key' ORDER BY id";
    const std::vector<std::string> rescued = query(out, ids);
    const std::vector<std::string> before = query(s.states[0], ids);
    CHECK(std::includes(rescued.begin(), rescued.end(), before.begin(), before.end()));
    CHECK(rescued.size() > before.size());
}

TEST_CASE("dqlite: a new directory's term and index lie above entries that no state holds") {
    // dqlite set the last entry aside, one of a much later term.
    Sample s;
    s.maker.close_segment();
    const std::uint64_t last = s.maker.last_index();
    for (int term = 0; term < 5; ++term) s.maker.next_term();
    s.maker.barrier();
    const std::string d = s.write();
    fs::rename(d + "/open-1", d + "/corrupt-open-1");
    const std::string out = s.file("new");
    CHECK(run_cli({"compact", "--rev", "100", "-o", out, d}).code == 0);
    const dqlite::State made = dqlite::read_state(out);
    CHECK(made.applied.value() > last + 1);
    CHECK(made.term.value() > 7);
    CHECK(made.folder.metadata->term == made.term);
}

TEST_CASE("dqlite: numbers that cannot be raised are damage to check, to a forecast and to the run") {
    const std::string all_ones(8, '\xFF');
    struct Row {
        const char* name;
        std::function<void(std::map<std::string, std::string>&)> damage;
    };
    const auto rename = [](std::map<std::string, std::string>& files, const std::string& to) {
        for (const char* const suffix : {"", ".meta"}) {
            files[to + suffix] = files.at(std::string("snapshot-2-4-1004") + suffix);
            files.erase(std::string("snapshot-2-4-1004") + suffix);
        }
    };
    const Row rows[] = {
        {"metadata's term", [&](auto& files) { files.at("metadata1").replace(16, 8, all_ones); }},
        {"metadata's version", [&](auto& files) { files.at("metadata1").replace(8, 8, all_ones); }},
        {"a snapshot's time", [&](auto& files) { rename(files, "snapshot-2-4-18446744073709551615"); }},
        {"a snapshot's index", [&](auto& files) { rename(files, "snapshot-2-18446744073709551615-1004"); }},
    };
    for (const Row& row : rows) {
        CAPTURE(std::string(row.name));
        Sample s;
        s.write();
        std::map<std::string, std::string> files = content_of(s.directory());
        row.damage(files);
        fs::remove_all(s.directory());
        fs::create_directory(s.directory());
        for (const auto& [name, content] : files) write_file(s.directory() + "/" + name, content);
        const json found = document({"check", s.directory()}, 3);
        CHECK(std::any_of(found["findings"].begin(), found["findings"].end(),
                          [](const json& f) { return f["code"] == "implausible-number"; }));
        const json dry = document({"compact", "--rev", "60", "-n", "-o", s.file("new"), s.directory()});
        CHECK(dry["refusal_kind"] == "damaged");
        CHECK(run_cli({"compact", "--rev", "60", "-o", s.file("new"), s.directory()}).code == 6);
        CHECK_FALSE(fs::exists(s.file("new")));
        CHECK(run_cli({"import", "-o", s.file("native.db"), s.directory()}).code == 0);
    }
}

TEST_CASE("dqlite: where there is too little to gain nothing is done, and no command is named") {
    Sample s;
    const std::string d = s.write();
    Args words{"compact", "--rev", "60", "--min-gain", "99%", "-o", s.file("new"), d};
    const json real = document(words);
    words.insert(words.begin() + 1, "-n");
    CHECK_FALSE(has(run_cli(words).out, "To do it"));
    const json dry = document(words);
    CHECK(dry["result"] == "below-min-gain");
    CHECK(real["size"]["file_after"] == dry["size"]["file_after"]);
    CHECK_FALSE(fs::exists(s.file("new")));
}

TEST_CASE("dqlite: a folder that holds nothing else stands for the directory, in an archive it is named") {
    Sample s;
    const TempDir around;
    fs::create_directory(around.file("etc"));
    s.maker.write(around.file("backend"));
    const std::string parent = around.path().string();
    CHECK(document({"status", parent})["revisions"]["current"] == 123);
    CHECK(run_cli({"compact", "--rev", "60", "-o", s.file("new"), parent}).code == 0);
    CHECK(document({"check", s.file("new")})["findings"].empty());
    const std::string tar = s.file("backend.tar");
    REQUIRE(run({.args = {"-cf", tar, "-C", parent, "backend"}, .program = "tar"}).code == 0);
    const Result archived = run_cli({"status", tar});
    CHECK(archived.code == 4);
    CHECK(has(archived.err, "a dqlite directory, backend/"));
    fs::copy_file(s.states[0], around.file("s.db"));
    CHECK(run_cli({"status", parent}).code == 2);
    REQUIRE(run({.args = {"-cf", tar, "-C", parent, "backend", "s.db"}, .program = "tar"}).code == 0);
    const Result several = run_cli({"status", tar});
    CHECK(several.code == 2);
    CHECK(has(several.err, "s.db, backend/"));
    CHECK(document({"status", "--member", "s.db", tar})["revisions"] ==
          document({"status", s.states[0]})["revisions"]);
}

TEST_CASE("dqlite: free pages are told with the way that gives them back") {
    Sample s;
    run_sql(
        s.states[2],
        "CREATE TABLE ballast AS WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < "
        "600) SELECT randomblob(4000) AS b FROM n; DROP TABLE ballast;");
    s.maker.commit(s.states[2]);
    const std::string d = s.write();
    CHECK(has(run_cli({"check", d}).out, "'kvctl compact --rev 0 -o NEWDIR " + d + "'"));
    const Result status = run_cli({"status", d});
    CHECK(has(status.out, "are free inside the database"));
    CHECK(has(status.out, "kvctl compact --rev 0 -o NEWDIR --dry-run"));
    CHECK_FALSE(has(status.out, "kvctl vacuum"));
}

TEST_CASE("dqlite: a cluster.yaml whose last line is not ended keeps it") {
    Sample s;
    s.maker.configure({{1, "a:1", dqlite::Role::voter}, {2, "b:1", dqlite::Role::voter}});
    const std::string d = s.write();
    write_file(d + "/cluster.yaml", "- Address: a:1\n  ID: 1\n  Role: 0\n- Address: b:1\n  Role: 2\n  ID: 2");
    const std::string out = s.file("new");
    CHECK(run_cli({"compact", "--rev", "100", "--voter", "2", "-o", out, d}).code == 0);
    CHECK(read_file(out + "/cluster.yaml") == "- Address: b:1\n  Role: 0\n  ID: 2");
}

TEST_CASE("dqlite: without a member that votes no directory is made") {
    Sample s;
    s.maker.configure({{1, "a:1", dqlite::Role::spare}});
    const std::string d = s.write();
    const Result r = run_cli({"compact", "--rev", "100", "-o", s.file("new"), d});
    CHECK(r.code == 4);
    CHECK(has(r.err, "no configuration with a voter"));
    CHECK_FALSE(fs::exists(s.file("new")));
}

TEST_CASE("dqlite: salvage leaves out what was undone or never committed") {
    for (const bool undone : {false, true}) {
        CAPTURE(undone);
        Sample s(false);
        // Behind the sample's last state, whose segment is damaged below.
        KineMaker kine;
        for (int i = 0; i < 200; ++i) kine.put("/registry/k" + std::to_string(i % 13), std::string(300, 'z'));
        kine.write(s.file("never.db"), {.age = KineAge::v0_1, .wal = false, .after = k_schema});
        s.maker.commit(s.file("never.db"), false);
        if (undone) s.maker.undo();
        const std::string d = s.write();
        fs::rename(d + "/open-1", d + "/corrupt-open-1");
        const std::string out = s.file("rescued.db");
        (void)run_cli({"import", "--salvage", "--to", "kine", "-o", out, d});
        CHECK(query_one(out, "SELECT count(*) FROM kine WHERE value = CAST('" + std::string(300, 'z') +
                                 "' AS BLOB)") == "0");
    }
}

TEST_CASE("dqlite: of several databases the one with a table kine is taken, or the one that --member names") {
    Sample s;
    const std::string other = s.file("other.db");
    run_sql(other, "CREATE TABLE certificates (id INTEGER PRIMARY KEY, name TEXT)");
    s.maker.use("db.bin");
    s.maker.commit(other);
    s.maker.snapshot();
    s.maker.close_segment();
    const std::string d = s.write();
    const json one = document({"status", d});
    CHECK(one["dqlite"]["database"] == "k8s");
    CHECK(one["dqlite"]["databases"] == json::array({"db.bin", "k8s"}));
    const Result refused = run_cli({"compact", "--rev", "60", "-o", s.file("new"), d});
    CHECK(refused.code == 4);
    CHECK(has(refused.err, "other databases"));
    const json foretold = document({"compact", "--rev", "60", "-n", "-o", s.file("new"), d});
    CHECK(foretold["refusal_kind"] == "refused");
    CHECK(has(foretold["refusal"].get<std::string>(), "other databases"));
    CHECK_FALSE(document({"compact", "--rev", "60", "-n", "-o", s.file("new"), "--to", "kine", d})
                    .contains("refusal"));
    CHECK(run_cli({"status", "--member", "db.bin", d}).code == 6);

    Sample t;
    t.maker.use("k8s-two");
    t.maker.commit(t.states[0]);
    const std::string two = t.write();
    const Result several = run_cli({"status", two});
    CHECK(several.code == 2);
    CHECK(has(several.err, "k8s, k8s-two"));
    CHECK(document({"status", "--member", "k8s-two", two})["revisions"] ==
          document({"status", t.states[0]})["revisions"]);
    CHECK(document({"status", "--member", "k8s", two})["revisions"]["current"] == 123);
}
