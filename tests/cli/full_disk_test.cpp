#include <doctest/doctest.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kvctl/sqlite/database.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/run_binary.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/small_disk.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;
using nlohmann::json;

namespace {

using Args = std::vector<std::string>;

constexpr std::uint64_t k_mib = std::uint64_t{1} << 20;

// Some 5 MiB, of which half stays: cold keys, and hot ones whose history goes.
KineMaker half_removable() {
    KineMaker maker;
    for (int i = 0; i < 600; ++i)
        maker.create("/registry/cold/" + std::to_string(i * 7919 % 600), std::string(1500, 'c'));
    for (int i = 0; i < 1200; ++i)
        maker.put("/registry/hot/" + std::to_string(i % 130), std::string(700, 'h'));
    return maker;
}

// The way k3s leaves its files when it is killed: rows that only the -wal holds.
void leave_wal(const std::string& db, int rows) {
    const pid_t child = ::fork();
    if (child == 0) {
        try {
            const sqlite::Database open = sqlite::Database::open(db, sqlite::Database::Mode::write);
            open.exec("PRAGMA wal_autocheckpoint=0");
            for (int i = 0; i < rows; ++i) {
                open.exec(
                    "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value)"
                    " VALUES ('/registry/late/" +
                    std::to_string(i) + "', 1, 0, 0, 0, 0, zeroblob(900))");
            }
            ::kill(::getpid(), SIGKILL);
        } catch (...) {
            ::_exit(1);
        }
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    REQUIRE(std::filesystem::file_size(db + "-wal") > 0);
}

struct Template {
    TempDir folder{fast_folder()};
    std::string whole;  // the same with everything in one file
    std::int64_t current = 0;

    [[nodiscard]] std::string db() const { return folder.file("s.db"); }
    void copy_to(const SmallDisk& disk) const {
        for (const char* const suffix : {"", "-wal", "-shm"}) {
            std::filesystem::remove(disk.file("s.db") + suffix);
            if (std::string(suffix) != "-shm" && std::filesystem::exists(db() + suffix))
                std::filesystem::copy_file(db() + suffix, disk.file("s.db") + suffix);
        }
    }
};

Result shell(const std::string& command, const std::string& folder) {
    // The commands as they are printed, which call kvctl by its name.
    return run({.args = {"-c", "kvctl() { '" + std::string(kvctl_exe()) + "' \"$@\"; }\n" + command},
                .program = "sh",
                .folder = folder});
}

void replace_all(std::string& text, const std::string& what, const std::string& with) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
        text.replace(at, what.size(), with);
}

void check_compacted(const Template& from, const std::string& db, std::int64_t rev) {
    run_sql(db, "SELECT 1");  // a -wal that is left is moved into the file
    for (const std::string& fault : compare_kine(from.whole, db, rev)) FAIL_CHECK(fault);
    CHECK(query_one(db, "PRAGMA integrity_check") == "ok");
}

}  // namespace

TEST_CASE("full disk: what a dry run calls possible is done, what it refuses names ways that work") {
    for (const std::string journal : {"wal", "rollback", "wal left behind"}) {
        Template from;
        const KineMaker maker = half_removable();
        maker.write(from.db(), {.wal = journal != "rollback"});
        if (journal == "wal left behind") leave_wal(from.db(), 150);
        from.whole = from.folder.file("whole.db");
        for (const char* const suffix : {"", "-wal"}) {
            if (std::filesystem::exists(from.db() + suffix))
                std::filesystem::copy_file(from.db() + suffix, from.whole + suffix);
        }
        run_sql(from.whole, "SELECT 1");
        const std::int64_t rev = maker.current() - 100;
        for (const Args& how : std::vector<Args>{{},
                                                 {"--strategy", "in-place"},
                                                 {"--strategy", "in-place", "--vacuum"},
                                                 {"--batch", "300"}}) {
            for (const std::uint64_t free : {std::uint64_t{0}, k_mib / 4, k_mib, 3 * k_mib, 6 * k_mib}) {
                const SmallDisk disk(20 * k_mib);
                if (!disk.mounted()) return;
                CAPTURE(journal);
                CAPTURE(free);
                CAPTURE(json(how).dump());
                from.copy_to(disk);
                disk.fill_but_for(free);
                const std::string db = disk.file("s.db");
                Args args{"compact", "--rev", std::to_string(rev), "-w", "json", db};
                args.insert(args.end() - 1, how.begin(), how.end());
                Args dry = args;
                dry.insert(dry.end() - 1, "-n");
                const Result forecast = run_cli(dry);
                REQUIRE_MESSAGE(forecast.code == 0, forecast.err);
                const json report = json::parse(forecast.out);
                const Result real = run_cli(args);
                if (!report.contains("refusal")) {
                    CHECK_MESSAGE(real.code == 0, real.err);
                    check_compacted(from, db, rev);
                    continue;
                }
                CHECK(report.at("refusal_kind") == "no-space");
                CHECK(real.code == 4);
                const json error = json::parse(real.err).at("error");
                CHECK(error.at("kind") == "no-space");
                CHECK(error.at("message") == report.at("refusal"));
                REQUIRE(report.contains("ways_out"));
                const TempDir other;
                for (const json& way : report.at("ways_out")) {
                    std::string command = way.at("command");
                    CAPTURE(command);
                    from.copy_to(disk);
                    disk.fill_but_for(free);
                    const bool elsewhere = way.at("elsewhere");
                    replace_all(command, "FILE", other.file("new.db"));
                    const Result done = shell(command, other.path().string());
                    CHECK_MESSAGE(done.code == 0, done.err);
                    check_compacted(from, elsewhere ? other.file("new.db") : db, rev);
                }
            }
        }
    }
}

TEST_CASE("full disk: to the last byte, the commands of the README") {
    for (const bool wal_left : {false, true}) {
        CAPTURE(wal_left);
        Template from;
        const KineMaker maker = half_removable();
        maker.write(from.db());
        if (wal_left) leave_wal(from.db(), 150);
        from.whole = from.folder.file("whole.db");
        for (const char* const suffix : {"", "-wal"}) {
            if (std::filesystem::exists(from.db() + suffix))
                std::filesystem::copy_file(from.db() + suffix, from.whole + suffix);
        }
        run_sql(from.whole, "SELECT 1");
        const std::string rev = std::to_string(maker.current() - 100);
        const SmallDisk disk(12 * k_mib);
        if (!disk.mounted()) return;
        from.copy_to(disk);
        disk.fill_but_for(0);
        const TempDir other;
        const Result look = shell("kvctl compact --rev " + rev + " --dry-run s.db", disk.file(""));
        CHECK(look.code == 0);
        CHECK(has(look.out, "-o FILE"));
        const Result done = shell("set -e; kvctl compact --rev " + rev + " -o " + other.file("new.db") +
                                      " s.db; kvctl check " + other.file("new.db") +
                                      "; rm -f s.db s.db-wal s.db-shm; cp -p " + other.file("new.db") +
                                      " s.db; sync; kvctl status s.db",
                                  disk.file(""));
        CHECK_MESSAGE(done.code == 0, done.err);
        check_compacted(from, disk.file("s.db"), maker.current() - 100);
        CHECK(disk.free_bytes() > k_mib);
    }
}

TEST_CASE("full disk: a vacuum that would give nothing back needs no room for it") {
    const SmallDisk disk(12 * k_mib);
    if (!disk.mounted()) return;
    const std::string db = disk.file("s.db");
    half_removable().write(db, {});
    REQUIRE(run_cli({"vacuum", "-q", db}).code == 0);
    const std::string bytes = read_file(db);
    disk.fill_but_for(64 << 10);
    const json dry = json::parse(run_cli({"vacuum", "-n", "-w", "json", db}).out);
    CHECK(!dry.contains("refusal"));
    const Result real = run_cli({"vacuum", db});
    CHECK_MESSAGE(real.code == 0, real.err);
    CHECK(has(real.out, "nothing to give back"));
    CHECK(read_file(db) == bytes);
}

TEST_CASE("full disk: a vacuum that does not fit names the copy that does") {
    const SmallDisk disk(12 * k_mib);
    if (!disk.mounted()) return;
    for (const bool wal : {true, false}) {
        CAPTURE(wal);
        const std::string db = disk.file("s.db");
        half_removable().write(db, {.wal = wal});
        run_sql(db, "DELETE FROM kine WHERE id > 1500");
        const std::string bytes = read_file(db);
        disk.fill_but_for(64 << 10);
        const Result dry = run_cli({"vacuum", "-n", "-w", "json", db});
        const json report = json::parse(dry.out);
        CHECK(report.at("refusal_kind") == "no-space");
        const Result real = run_cli({"vacuum", "-w", "json", db});
        CHECK(real.code == 4);
        CHECK(json::parse(real.err).at("error").at("message") == report.at("refusal"));
        CHECK(read_file(db) == bytes);
        const TempDir other;
        std::string command = report.at("ways_out").at(0).at("command");
        replace_all(command, "FILE", other.file("new.db"));
        REQUIRE(shell(command, other.path().string()).code == 0);
        CHECK(query(other.file("new.db"), "SELECT * FROM kine") == query(db, "SELECT * FROM kine"));
        disk.fill_but_for(5 * k_mib);
        CHECK(run_cli({"vacuum", db}).code == 0);
        CHECK(std::filesystem::file_size(db) < bytes.size());
        std::filesystem::remove(db);
    }
}

TEST_CASE("full disk: a store of another layout is refused beforehand, and the dry run says so") {
    const SmallDisk disk(40 << 10);
    if (!disk.mounted()) return;
    const TempDir folder;
    KineMaker maker;
    for (int i = 0; i < 20; ++i) maker.put("/registry/k", "v");
    maker.write(folder.file("s.db"));
    const Args words{"compact",        "--keep-last",      "5", "--to", "native", "-o",
                     disk.file("new"), folder.file("s.db")};
    const Result real = run_cli(words);
    CHECK(real.code == 4);
    CHECK(has(real.err, "'-o FILE' on another disk needs"));
    Args dry = words;
    dry.insert(dry.begin() + 1, {"-n", "--json"});
    CHECK(json::parse(run_cli(dry).out).at("refusal_kind") == "no-space");
    const Result import = run_cli({"import", "-o", disk.file("new"), folder.file("s.db")});
    CHECK(import.code == 4);
    CHECK(has(import.err, "'-o FILE' on another disk needs"));
    CHECK_FALSE(std::filesystem::exists(disk.file("new")));
}

TEST_CASE("full disk: a medium that is only read is foretold, with the way out") {
    const SmallDisk disk(k_mib);
    if (!disk.mounted()) return;
    KineMaker maker;
    for (int i = 0; i < 20; ++i) maker.put("/registry/k", "v");
    maker.write(disk.file("s.db"), {.wal = false});
    REQUIRE(::mount(nullptr, disk.file("").c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0);
    for (const Args& words : std::vector<Args>{{"compact", "--keep-last", "5", disk.file("s.db")},
                                               {"vacuum", disk.file("s.db")}}) {
        CAPTURE(words);
        const Result real = run_cli(words);
        CHECK(real.code == 7);
        CHECK(has(real.err, "'kvctl compact --keep-last 1000 -o NEW " + disk.file("s.db") + "'"));
        Args dry = words;
        dry.insert(dry.begin() + 1, {"-n", "--json"});
        CHECK(json::parse(run_cli(dry).out).at("refusal_kind") == "io");
    }
    CHECK(run_cli({"compact", "--keep-last", "500", disk.file("s.db")}).code == 0);
}
