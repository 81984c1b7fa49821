#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/kine_maker.hpp"
#include "tests/support/kube_objects.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_binary.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/temp_dir.hpp"
#include "tools/commands.hpp"

using namespace kvctl::test;

TEST_CASE("binary: exit codes and streams of the built program") {
    CHECK(run_binary({}).code == 2);
    const Result version = run_binary({"version"});
    CHECK(version.code == 0);
    CHECK(version.err.empty());
    CHECK(version.out.starts_with("kvctl "));
    const Result bad = run_binary({"bogus"});
    CHECK(bad.code == 2);
    CHECK(bad.out.empty());
}

TEST_CASE("binary: a full stdout is exit 7, in either format") {
    const Result text = run({.args = {"version"}, .out_path = "/dev/full"});
    CHECK(text.code == 7);
    CHECK(text.err == "kvctl: standard output cannot be written: No space left on device\n");
    const Result json = run({.args = {"version", "--json"}, .out_path = "/dev/full"});
    CHECK(json.code == 7);
    CHECK(json.err ==
          "{\"error\":{\"code\":7,\"kind\":\"io\",\"message\":\"standard output cannot be written: No space "
          "left on device\"}}\n");
    CHECK(run({.args = {"version", "-q"}, .out_path = "/dev/full"}).code == 0);
}

TEST_CASE("binary: a pipe whose reader left is exit 7, not a signal") {
    const TempDir folder;
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    ::close(ends[0]);
    const Result r = run({.args = {"version"}, .out_path = "/proc/self/fd/" + std::to_string(ends[1])});
    ::close(ends[1]);
    CHECK(r.code == 7);
    CHECK(r.err.empty());
}

TEST_CASE("binary: closed standard streams are not handed to the next file opened") {
    CHECK(run({.args = {"version"}, .closed = {1}}).code == 7);
    CHECK(run({.args = {"version", "-q"}, .closed = {0, 1, 2}}).code == 0);
    CHECK(run({.args = {"bogus"}, .closed = {2}}).code == 2);
}

TEST_CASE(
    "binary: a full stdout is exit 7 for every command that reports, and what writes is done all the same") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    const std::string log = folder.file("log.jsonl");
    write_file(
        log,
        R"({"format":"kvctl.raftlog/1","snapshot":{"index":0,"term":0},"hard_state":{"term":3,"vote":1,"commit":1}})"
        "\n"
        R"({"index":1,"term":3,"type":"EntryNormal","data":"IgYKAWESAWI="})"
        "\n");
    const std::string key(long_history(1, 1).row_list().front().key);
    const std::string kube = folder.file("kube.db");
    KineMaker leases;
    for (std::int64_t i = 0; i < 20; ++i)
        leases.put("/registry/leases/ns/n",
                   make_lease({"n", "ns", 1'790'000'000}, "n", 1'790'000'000 + i * 10));
    leases.write(kube);
    const std::map<std::string, std::vector<std::string>> operands{
        {"compact", {"--rev", "40", db}},
        {"status", {db}},
        {"du", {db}},
        {"get", {"", "--prefix", db}},
        {"history", {key, db}},
        {"index", {db}},
        {"explain", {key, db}},
        {"check", {db}},
        {"hash", {db}},
        {"raft", {log}},
        {"replay", {"-n", log, folder.file("empty.db")}},
        {"import", {"-o", folder.file("new.db"), db}},
        {"export", {db}},
        {"vacuum", {db}},
        {"completion", {"bash"}},
        {"churn", {db}},
        {"timeline", {kube}},
        {"report", {"-o", folder.file("page.html"), db}},
        {"diff", {db, db}},
        {"help", {}},
        {"version", {}},
    };
    make_native(folder.file("empty.db"), {});
    for (const kvctl::cli::Command& c : kvctl::cli::commands()) {
        const std::string name(c.name);
        CAPTURE(name);
        REQUIRE(operands.contains(name));
        for (const char* format : {"text", "json", "jsonl"}) {
            CAPTURE(std::string(format));
            for (const char* file : {"s.db", "new.db", "page.html"})
                std::filesystem::remove(folder.file(file));
            make_native(db, long_history(60, 7).row_list());
            std::vector<std::string> args{name};
            // What prints no report has no format.
            if (name != "help" && name != "completion") args.insert(args.end(), {"-w", format});
            args.insert(args.end(), operands.at(name).begin(), operands.at(name).end());
            const Result r = run({.args = args, .out_path = "/dev/full"});
            CHECK_MESSAGE(r.code == 7, r.err);
            if (name == "compact") CHECK(native_meta(db, "finished_compact_rev") == 40);
            if (name == "report") CHECK(std::filesystem::exists(folder.file("page.html")));
            if (name == "import") CHECK(native_rows(folder.file("new.db")).size() == 60);
        }
    }
}

TEST_CASE("binary: a signal ends the wait for a pipe's writer as it ends other work") {
    const TempDir folder;
    const std::string pipe = folder.file("pipe");
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    for (const std::vector<std::string>& args :
         std::vector<std::vector<std::string>>{{"raft", pipe}, {"import", "-o", folder.file("new"), pipe}}) {
        CAPTURE(args.front());
        Child child({.args = args});
        // Once it is kvctl and catches the signal; until then that would kill it.
        const auto catches = [&] {
            std::ifstream status("/proc/" + std::to_string(child.pid()) + "/status");
            std::string line;
            if (!std::getline(status, line) || line != "Name:\tkvctl") return false;
            while (std::getline(status, line)) {
                if (line.starts_with("SigCgt:"))
                    return (std::stoull(line.substr(7), nullptr, 16) >> (SIGINT - 1) & 1U) != 0;
            }
            return false;
        };
        while (!child.ended() && !catches()) std::this_thread::yield();
        while (!child.ended()) {
            child.send(SIGINT);
            std::this_thread::yield();
        }
        CHECK(child.wait().code == 130);
    }
}
