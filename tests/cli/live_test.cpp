#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "kvctl/sqlite/database.hpp"
#include "tests/support/data.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_binary.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;
using nlohmann::json;

namespace {

using Args = std::vector<std::string>;

// Another process with the store open, which writes one revision after another until stop(): as kine's
// writers do.
class Server {
  public:
    enum class Does { nothing, writes, locks };
    Server(const std::string& path, Does does) {
        int ready[2];
        int quit[2];
        REQUIRE(::pipe(ready) == 0);
        REQUIRE(::pipe2(quit, O_NONBLOCK) == 0);
        pid_ = ::fork();
        REQUIRE(pid_ >= 0);
        if (pid_ == 0) {
            ::close(quit[1]);
            ::_exit(serve(path, does, ready[1], quit[0]));
        }
        ::close(ready[1]);
        ::close(quit[0]);
        quit_ = quit[1];
        char byte = 0;
        REQUIRE(::read(ready[0], &byte, 1) == 1);
        ::close(ready[0]);
    }
    ~Server() { (void)stop(); }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    // 0: no write was refused.
    int stop() {
        if (pid_ < 0) return status_;
        ::close(quit_);
        int status = 0;
        ::waitpid(pid_, &status, 0);
        pid_ = -1;
        return status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 99;
    }

  private:
    static int serve(const std::string& path, Does does, int ready, int quit) {
        try {
            sqlite::Database db = sqlite::Database::open(path, sqlite::Database::Mode::write);
            db.busy_timeout(30000);
            db.exec(does == Does::locks ? "BEGIN IMMEDIATE" : "SELECT count(*) FROM kine");
            sqlite::Statement write = db.prepare(
                "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, "
                "old_value) "
                "SELECT name, 0, 0, CASE WHEN create_revision = 0 THEN id ELSE create_revision END, id, 0, "
                "?1, value "
                "FROM kine WHERE name = '/registry/last' ORDER BY id DESC LIMIT 1");
            char byte = 'x';
            (void)!::write(ready, &byte, 1);
            for (std::int64_t i = 0; ::read(quit, &byte, 1) != 0; ++i) {
                if (does == Does::writes) write.bind_blob(1, "w" + std::to_string(i)).run();
                ::usleep(500);
            }
            if (db.in_transaction()) db.exec("ROLLBACK");
            return 0;
        } catch (...) {
            return 1;
        }
    }
    pid_t pid_ = -1;
    int quit_ = -1;
    int status_ = 98;
};

struct Store {
    TempDir dir;
    std::string path = dir.file("state.db");
    std::string before = dir.file("before.db");

    explicit Store(std::uint32_t seed = 5, std::size_t writes = 2600, const KineShape& shape = {}) {
        backlogged_kine(seed, writes).write(path, shape);
        std::filesystem::copy_file(path, before);
    }
    [[nodiscard]] std::int64_t number(const std::string& sql) const {
        return std::stoll(query_one(path, sql));
    }
    [[nodiscard]] std::int64_t current() const { return number("SELECT max(id) FROM kine"); }
    [[nodiscard]] std::int64_t compacted() const {
        return number("SELECT prev_revision FROM kine WHERE name = 'compact_rev_key'");
    }
    // Beside what came behind revision `current`.
    [[nodiscard]] std::string wrong(std::int64_t current, std::int64_t revision) const {
        run_sql(path, "DELETE FROM kine WHERE id > " + std::to_string(current));
        std::string all;
        for (const std::string& w : compare_kine(before, path, revision)) all += w + "\n";
        return all;
    }
};

json document(const Args& args, int code = 0) {
    Args all = args;
    all.insert(all.begin() + 1, "--json");
    const Result r = run_cli(all);
    CHECK_MESSAGE(r.code == code, r.out << r.err);
    return json::parse(r.out.empty() ? r.err : r.out);
}

}  // namespace

TEST_CASE("compact --live: options that do not go with it, and stores it is not for") {
    const Store store;
    const TempDir dir;
    make_native(dir.file("native"), {});
    for (const Args& args : {Args{"--live", "-o", dir.file("new"), store.path},
                             Args{"--live", "--strategy", "rewrite", store.path},
                             Args{"--live", "--drop-old-values", store.path},
                             Args{"--pause", "5ms", store.path}, Args{"--max-time", "1s", store.path},
                             Args{"--live", dir.file("native")}, Args{"--live", "-n", dir.file("native")},
                             Args{"--live", testdata("cases/default-rule-on-3.7.db")}}) {
        Args all{"compact", "--keep-last", "1000"};
        all.insert(all.end(), args.begin(), args.end());
        const Result r = run_cli(all);
        CHECK_MESSAGE(r.code == 2, r.err);
        CHECK(has(r.err, "--"));
    }
    CHECK(run_cli({"compact", "--live", store.path}).code == 2);  // without a target
    CHECK(store.wrong(store.current(), store.compacted()).empty());
}

TEST_CASE("compact --live: the newest thousand revisions stay, and it is said") {
    const Store store;
    const std::int64_t current = store.current();
    const std::string capped = "the target is " + std::to_string(current - 1000) + ", not ";
    const auto plan = [&](const Args& target) {
        Args args{"compact", "-n", "--live"};
        args.insert(args.end(), target.begin(), target.end());
        args.push_back(store.path);
        return document(args);
    };
    for (const Args& target : {Args{"--keep-last", "10"}, Args{"--rev", std::to_string(current)}}) {
        const json report = plan(target);
        CHECK(report["revisions"]["compacted_after"] == current - 1000);
        CHECK(has(report["warnings"].dump(), capped));
        CHECK(report["strategy"] == "in-place");
        CHECK(report["live"]["transactions"].is_null());
    }
    CHECK_FALSE(has(plan({"--keep-last", "1000"})["warnings"].dump(), "the target is"));
    CHECK(run_cli({"compact", "--live", "--rev", std::to_string(current + 1), store.path}).code == 4);
    // Sizes go by what can be had.
    CHECK(has(run_cli({"compact", "--live", "--target-size", "8K", store.path}).err,
              "--live keeps the newest 1000"));
    // A young store has nothing that may go.
    const Store young(7, 300);
    const json nothing = document({"compact", "--live", "--keep-last", "5", young.path});
    CHECK(nothing["result"] == "already-compacted");
    CHECK(nothing["live"]["transactions"] == 0);
    CHECK(young.wrong(young.current(), young.compacted()).empty());
}

TEST_CASE(
    "compact --live: beside a server that writes, with the numbers of the dry run and no write refused") {
    for (const bool wal : {true, false}) {
        CAPTURE(wal);
        const Store store(6, 2600, {.wal = wal});
        const std::int64_t current = store.current();
        const std::string rev = std::to_string(current - 1100);
        Server server(store.path, wal ? Server::Does::writes : Server::Does::nothing);
        const Result dry = run_cli({"compact", "-n", "--live", "--rev", rev, store.path});
        CHECK(dry.code == 0);
        CHECK_FALSE(has(dry.out, "Refused"));
        CHECK(has(dry.out, "kvctl compact --rev " + rev + " --live " + store.path + "\n"));
        const json planned = document({"compact", "-n", "--live", "--rev", rev, store.path});
        const std::string list = store.dir.file("list");
        const json done = document({"compact", "--live", "--batch", "40", "--pause", "1ms", "--rev", rev,
                                    "--list=" + list, store.path});
        CHECK(server.stop() == 0);
        CHECK(done["result"] == "compacted");
        for (const char* const name : {"removed", "strategy"}) CHECK(done[name] == planned[name]);
        CHECK(done["revisions"]["compacted_after"] == current - 1100);
        CHECK(done["live"]["transactions"].get<int>() > 10);
        CHECK(done["live"]["foreign_compactions"] == 0);
        const std::string lines = read_file(list);
        CHECK(std::count(lines.begin(), lines.end(), '\n') == done["removed"]["revisions"].get<int>());
        if (wal) CHECK(store.current() > current);
        CHECK(store.wrong(current, current - 1100).empty());
        CHECK(has(run_cli({"compact", "--live", "--rev", rev, store.path}).out, "already compacted"));
    }
}

TEST_CASE("compact --live: the report says how many revisions were compared") {
    const Store store;
    const Result r = run_cli({"compact", "--live", "--keep-last", "1000", store.path});
    CHECK(r.code == 0);
    const std::string stay = std::to_string(store.number("SELECT count(*) FROM kine") - 1);
    CHECK_MESSAGE(has(r.out, stay.substr(0, 1) + "," + stay.substr(1) +
                                 " revisions that stay compared with before, values included: unchanged"),
                  r.out);
    // Nothing was done, and nothing compared.
    CHECK_FALSE(has(run_cli({"compact", "--live", "--keep-last", "1000", store.path}).out, "compared"));
}

TEST_CASE("compact --live: a backup of one moment, and the file shrunk beside the server") {
    const Store store(8, 6000);
    const std::int64_t current = store.current();
    const std::string backup = store.dir.file("backup.db");
    Server server(store.path, Server::Does::writes);
    const json done =
        document({"compact", "--live", "--keep-last", "1000", "--vacuum", "--backup", backup, store.path});
    CHECK(server.stop() == 0);
    CHECK_MESSAGE(done["size"]["file_after"] < done["size"]["file_before"], done.dump());
    CHECK(done["size"]["file_after"] == done["size"]["file_after_vacuum"]);
    CHECK(query_one(backup, "PRAGMA integrity_check") == "ok");
    const std::string rows = "SELECT id, name, value FROM kine WHERE id <= " + std::to_string(current) +
                             " AND name <> 'compact_rev_key' ORDER BY id";
    CHECK(query(backup, rows) == query(store.before, rows));
    // What the server had written by then is in it, without a gap.
    CHECK(query_one(backup, "SELECT max(id) - " + std::to_string(current) + " FROM kine") ==
          query_one(backup, "SELECT count(*) FROM kine WHERE id > " + std::to_string(current)));
    CHECK(run_cli({"compact", "--live", "--keep-last", "1000", "--backup", backup, store.path}).code == 4);
    CHECK(run_cli({"compact", "--live", "--keep-last", "1000", "--list=" + backup, store.path}).code == 4);
    CHECK(store.wrong(current, done["revisions"]["compacted_after"].get<std::int64_t>()).empty());
}

TEST_CASE("compact --live: what keeps it from working is told with the way out") {
    SUBCASE("a lock that is not let go") {
        const Store store;
        Server server(store.path, Server::Does::locks);
        const json error = document(
            {"compact", "--live", "--timeout", "150ms", "--keep-last", "1000", store.path}, 5)["error"];
        CHECK(error["kind"] == "busy");
        const std::string message = error["message"];
        CHECK_MESSAGE(has(message, "locked by pid"), message);
        CHECK(has(message, "for 150 ms"));
        CHECK(server.stop() == 0);
        CHECK(store.wrong(store.current(), store.compacted()).empty());
    }
    SUBCASE("another kvctl at the same work") {
        const Store store;
        const int fd = ::open(store.path.c_str(), O_RDONLY | O_CLOEXEC);
        REQUIRE(::flock(fd, LOCK_EX) == 0);
        const json error = document({"compact", "--live", "--keep-last", "1000", store.path}, 4)["error"];
        ::close(fd);
        CHECK(error["kind"] == "in-use");
        CHECK(has(error["message"].get<std::string>(), "another kvctl"));
    }
    SUBCASE("two rows with the compact revision") {
        const Store store;
        run_sql(store.path,
                "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value) "
                "VALUES ('compact_rev_key', 1, 0, 0, 1, 0, x'')");
        const json error = document({"compact", "--live", "--keep-last", "1000", store.path}, 4)["error"];
        CHECK(error["kind"] == "refused");
        CHECK(has(error["message"].get<std::string>(), "compact without --live"));
        const json forecast = document({"compact", "-n", "--live", "--keep-last", "1000", store.path});
        CHECK(forecast["refusal_kind"] == "refused");
        CHECK(forecast["refusal"] == error["message"]);
    }
    SUBCASE("a kine that compacts without a transaction") {
        const Store store(5, 2600, {.age = KineAge::v0_1});
        CHECK(has(run_cli({"compact", "--live", "--keep-last", "1000", store.path}).err, "before 0.5.0"));
        CHECK(run_cli({"compact", "--live", "--keep-last", "1000", store.path}).code == 4);
        CHECK(has(document({"compact", "-n", "--live", "--keep-last", "1000", store.path})["refusal"].dump(),
                  "before 0.5.0"));
        CHECK(document({"compact", "-n", "--keep-last", "1000", store.path})["refusal"].is_null());
    }
    SUBCASE("no index by name") {
        const Store store;
        for (const std::string& name : query(store.path,
                                             "SELECT name FROM sqlite_schema WHERE type = 'index' "
                                             "AND tbl_name = 'kine' AND sql IS NOT NULL"))
            run_sql(store.path, "DROP INDEX " + name);
        for (const Args& args : {Args{"-n"}, Args{}}) {
            Args all{"compact", "--live", "--keep-last", "1000", store.path};
            all.insert(all.end(), args.begin(), args.end());
            const Result r = run_cli(all);
            CHECK(has(r.out + r.err, "has no index by name"));
        }
    }
    SUBCASE("a trigger") {
        const Store store;
        run_sql(store.path, "CREATE TRIGGER t AFTER DELETE ON kine BEGIN SELECT 1; END");
        CHECK(run_cli({"compact", "--live", "--keep-last", "1000", store.path}).code == 4);
    }
}

TEST_CASE("compact --live: killed at any moment it leaves an exact compaction, and the next run goes on") {
    const Store store(9, 4000);
    const std::int64_t current = store.current();
    const int sound = run_cli({"check", store.before}).code;
    std::mt19937 dice(9);
    Server server(store.path, Server::Does::writes);
    const Args args{"compact", "--live",      "--batch", "25",      "--pause",
                    "2ms",     "--keep-last", "1500",    store.path};
    int killed = 0;
    for (int i = 0; i < 8; ++i) {
        Child run({.args = args});
        ::usleep(static_cast<useconds_t>(20000 + dice() % 80000));
        run.send(SIGKILL);
        killed += run.wait().code == 1000 + SIGKILL ? 1 : 0;
        CHECK(run_cli({"check", store.path}).code == sound);
    }
    CHECK(killed > 0);
    CHECK(run_binary({"compact", "--live", "--keep-last", "1500", "-q", store.path}).code == 0);
    CHECK(server.stop() == 0);
    const std::int64_t compacted = store.compacted();
    CHECK(compacted >= current - 1500);
    CHECK(store.wrong(current, std::min(compacted, current)).find("gone") == std::string::npos);
}

TEST_CASE("compact --live: Ctrl-C ends it behind the running transaction") {
    const Store store(9, 4000);
    const std::int64_t current = store.current();
    const std::int64_t begin = store.compacted();
    Child run({.args = {"compact", "--live", "--batch", "5", "--pause", "20ms", "--keep-last", "1000",
                        store.path}});
    for (int i = 0; i < 1000 && store.compacted() <= begin; ++i) ::usleep(10000);
    const auto asked = std::chrono::steady_clock::now();
    run.send(SIGINT);
    const Result r = run.wait();
    CHECK(std::chrono::steady_clock::now() - asked < std::chrono::seconds(1));
    CHECK(r.code == 130);
    CHECK(r.out.empty());
    const std::int64_t reached = store.compacted();
    CHECK(has(r.err,
              "compacted to revision " + std::to_string(reached) + " of " + std::to_string(current - 1000)));
    CHECK(store.wrong(current, reached).find("gone") == std::string::npos);
}
