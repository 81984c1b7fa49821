#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "kvctl/sqlite/holders.hpp"
#include "tests/support/bbolt_image.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/server.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;
using nlohmann::json;

namespace {

using Args = std::vector<std::string>;
using Clock = std::chrono::steady_clock;

// What a compaction is, whatever its file's size.
json numbers(const json& report) {
    json n;
    for (const char* const name : {"strategy", "revisions", "before", "removed", "kept", "prefixes"})
        n[name] = report.at(name);
    return n;
}

double seconds_of(const Args& args, Result& result) {
    const auto start = Clock::now();
    result = run_cli(args);
    return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string last_line(const std::string& text) {
    const std::string body = text.substr(0, text.find_last_not_of('\n') + 1);
    return body.substr(body.rfind('\n') + 1);
}

}  // namespace

TEST_CASE("in use: a dry run forecasts the run after the holder has stopped") {
    for (const bool kine : {true, false}) {
        for (const Args& how :
             std::vector<Args>{{}, {"--vacuum"}, {"--strategy", "in-place"}, {"--batch", "7"}}) {
            CAPTURE(kine);
            CAPTURE(json(how).dump());
            const TempDir folder;
            const std::string db = folder.file("s.db");
            if (kine) {
                random_kine(3, 900, false).write(db);
            } else {
                make_native(db, long_history(900, 40, 100).row_list(), {.wal = true});
            }
            Args args{"compact", "--keep-last", "100", db};
            args.insert(args.end() - 1, how.begin(), how.end());
            Args dry = args;
            dry.insert(dry.end() - 1, "-n");
            Args dry_json = dry;
            dry_json.insert(dry_json.end() - 1, {"-w", "json"});
            Server server(db);
            const json held = json::parse(run_cli(dry_json).out);
            CHECK(held.at("refusal_kind") == "in-use");
            CHECK(held.at("refusal_pids") == json{server.pid()});
            CHECK(has(held.at("refusal").get<std::string>(), "pid " + std::to_string(server.pid())));
            const Result text = run_cli(dry);
            CHECK(text.code == 0);
            CHECK(has(text.out, "# stop pid " + std::to_string(server.pid())));
            std::string command = "kvctl compact --keep-last 100";
            for (const std::string& word : how) command += " " + word;
            CHECK(last_line(text.out) == "  " + command + " " + db);
            // And it is the truth.
            Result real;
            Args real_json = args;
            real_json.insert(real_json.end() - 1, {"-w", "json"});
            CHECK(seconds_of(real_json, real) < 5);
            CHECK(real.code == 4);
            CHECK(json::parse(real.err).at("error").at("message") == held.at("refusal"));
            server.stop();
            const json after = json::parse(run_cli(dry_json).out);
            CHECK(!after.contains("refusal"));
            CHECK(numbers(after) == numbers(held));
            const json done = json::parse(run_cli(real_json).out);
            CHECK(done.at("result") == "compacted");
            CHECK(numbers(done) == numbers(held));
        }
    }
}

TEST_CASE("in use: an etcd db that a server has locked cannot be copied either, and the dry run says so") {
    const TempDir folder;
    const std::string db = folder.file("db");
    write_file(db, etcd_image(sample_history()).build());
    const Server server([&](const std::function<void()>& until_stopped) {
        const int fd = ::open(db.c_str(), O_RDWR);
        if (fd < 0 || ::flock(fd, LOCK_EX) != 0) throw std::runtime_error("no lock");
        until_stopped();
    });
    const Args command{"compact", "--rev", "6", "-w", "json", "-o", folder.file("new"), db};
    const Result real = run_cli(command);
    CHECK(real.code == 4);
    Args dry = command;
    dry.insert(dry.end() - 1, "-n");
    const json foretold = json::parse(run_cli(dry).out);
    CHECK(foretold.at("refusal_kind") == json::parse(real.err).at("error").at("kind"));
    CHECK(foretold.at("refusal_pids") == json{server.pid()});
    const Result salvaged = run_cli({"import", "--salvage", "-o", folder.file("salvaged"), db});
    CHECK(salvaged.code == 3);
    CHECK(has(salvaged.err, "a running server holds it, pid " + std::to_string(server.pid())));
}

TEST_CASE("in use: an etcd db is copied beside who only reads it, and the dry run says so") {
    for (const bool locks : {false, true}) {
        CAPTURE(locks);
        const TempDir folder;
        const std::string db = folder.file("db");
        write_file(db, etcd_image(sample_history()).build());
        const Server reader([&](const std::function<void()>& until_stopped) {
            const int fd = ::open(db.c_str(), O_RDONLY);
            if (fd < 0 || (locks && ::flock(fd, LOCK_SH) != 0)) throw std::runtime_error("no lock");
            until_stopped();
        });
        const Args in_place{"compact", "--rev", "6", "-n", "-w", "json", db};
        CHECK(json::parse(run_cli(in_place).out).at("refusal_pids") == json{reader.pid()});
        CHECK(run_cli({"compact", "--rev", "6", db}).code == 4);
        const Args copy{"compact", "--rev", "6", "-n", "-w", "json", "-o", folder.file("new"), db};
        CHECK_FALSE(json::parse(run_cli(copy).out).contains("refusal"));
        CHECK(run_cli({"compact", "--rev", "6", "-o", folder.file("new"), db}).code == 0);
    }
}

TEST_CASE("in use: what only reads, or has nothing to do, is not refused") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    random_kine(3, 300, false).write(db);
    const Server server(db);
    const json elsewhere = json::parse(
        run_cli({"compact", "--keep-last", "50", "-n", "-w", "json", "-o", folder.file("o.db"), db}).out);
    CHECK(!elsewhere.contains("refusal"));
    CHECK(elsewhere.at("strategy") == "rewrite");
    CHECK(run_cli({"compact", "--keep-last", "50", "-o", folder.file("o.db"), db}).code == 0);
    const json nothing =
        json::parse(run_cli({"compact", "--keep-last", "100000", "-n", "-w", "json", db}).out);
    CHECK(!nothing.contains("refusal"));
    CHECK(run_cli({"compact", "--keep-last", "100000", db}).code == 0);
    for (const Args& nothing_to_do :
         std::vector<Args>{{"--target-size", "1G"}, {"--keep-last", "50", "--min-gain", "1G"}}) {
        Args args{"compact", "-w", "json", db};
        args.insert(args.end() - 1, nothing_to_do.begin(), nothing_to_do.end());
        const Result real = run_cli(args);
        CHECK_MESSAGE(real.code == 0, real.err);
        args.insert(args.end() - 1, "-n");
        const json dry = json::parse(run_cli(args).out);
        CHECK(!dry.contains("refusal"));
        CHECK(dry.at("result") == json::parse(real.out).at("result"));
    }
}

TEST_CASE(
    "in use: a writer gives up at once on an idle holder, and waits for one that works or when told to") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    random_kine(3, 300, false).write(db);
    for (const Args& command : std::vector<Args>{{"compact", "--keep-last", "50", db}, {"vacuum", db}}) {
        Result r;
        {
            const Server idle(db);
            CHECK(seconds_of(command, r) < 5);
            CHECK(r.code == 4);
            CHECK(!has(r.err, "waited"));
            Args told = command;
            told.insert(told.end() - 1, {"--timeout", "400ms"});
            CHECK(seconds_of(told, r) >= 0.4);
            CHECK(has(r.err, "waited 400 ms"));
        }
        {
            const Server works(db, "BEGIN IMMEDIATE");
            Args shown = command;
            shown.insert(shown.end() - 1, {"--timeout", "1500ms", "--progress", "always"});
            CHECK(seconds_of(shown, r) >= 1.5);
            CHECK(r.code == 4);
            CHECK(has(r.err, "waiting for pid " + std::to_string(works.pid())));
        }
    }
}

TEST_CASE("in use: a vacuum's dry run says so as well") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    random_kine(3, 300, false)
        .write(db, {.after = "CREATE TABLE ballast AS SELECT randomblob(100000) AS b; DROP TABLE ballast"});
    const Server server(db);
    const json report = json::parse(run_cli({"vacuum", "-n", "-w", "json", db}).out);
    CHECK(report.at("refusal_kind") == "in-use");
    CHECK(report.at("refusal_pids") == json{server.pid()});
    const Result text = run_cli({"vacuum", "-n", db});
    CHECK(last_line(text.out) == "  kvctl vacuum " + db);
}

TEST_CASE("in use: how to stop a holder") {
    const char* const cgroup = "12:pids:/system.slice/k3s.service\n0::/system.slice/k3s.service\n";
    CHECK(sqlite::how_to_stop(7, "k3s-server", cgroup) == "systemctl stop k3s.service");
    CHECK(sqlite::how_to_stop(7, "k0s", "0::/system.slice/k0scontroller.service\n") ==
          "systemctl stop k0scontroller.service");
    // A unit that only happens to have started it, one of a user's, a container's, a name that a shell would
    // run.
    CHECK(sqlite::how_to_stop(7, "sqlite3", "0::/system.slice/cron.service\n") ==
          "# stop pid 7 (sqlite3), which has the store open");
    CHECK(sqlite::how_to_stop(7, "kine", "0::/user.slice/user-0.slice/session-3.scope\n") ==
          "# stop pid 7 (kine), which has the store open");
    CHECK(sqlite::how_to_stop(7, "k3s", "0::/system.slice/docker-0123.scope\n") ==
          "# stop pid 7 (k3s), which has the store open");
    CHECK(sqlite::how_to_stop(7, "k3s", "0::/system.slice/x;reboot.service\n") ==
          "# stop pid 7 (k3s), which has the store open");
    CHECK(sqlite::how_to_stop(7, "a\nb", "") == "# stop pid 7 (a\\nb), which has the store open");
}
