#include <doctest/doctest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kvctl/sqlite/database.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/server.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

// SQLite finds a -wal and a -journal by the name that a file is opened by.
namespace fs = std::filesystem;
using namespace kvctl;
using namespace kvctl::test;
using nlohmann::json;

namespace {

using Args = std::vector<std::string>;

constexpr const char* k_insert =
    "INSERT INTO kine(name, created, deleted, create_revision, prev_revision, lease, value)"
    " VALUES('/unseen', 1, 0, 0, 0, 0, x'31')";

// A store in a folder of its own, of which other names are made.
struct Place {
    TempDir folder;
    std::string real;
    Place() {
        fs::create_directory(folder.file("real"));
        real = folder.file("real/s.db");
        backlogged_kine(3, 2500).write(real);
    }
    [[nodiscard]] std::string link(const std::string& name) const {
        const std::string made = folder.file(name);
        fs::create_hard_link(real, made);
        return made;
    }
};

// Somebody who writes and has not moved it into the file yet.
struct Writer {
    Server server;
    explicit Writer(const std::string& path)
        : server(path, std::string("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; ") + k_insert) {
    }
};

// The same, killed: the rows are in the -wal.
void leave_wal(const std::string& path) {
    const TempDir aside;
    {
        const Writer writer(path);
        fs::copy_file(path, aside.file("db"));
        fs::copy_file(path + "-wal", aside.file("wal"));
    }
    fs::copy_file(aside.file("db"), path, fs::copy_options::overwrite_existing);
    fs::copy_file(aside.file("wal"), path + "-wal");
}

bool sound_with_row(const std::string& path) {
    const sqlite::Database db = sqlite::Database::open(path, sqlite::Database::Mode::write);
    return db.integer("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'") == 1 &&
           db.integer("SELECT count(*) FROM kine WHERE name = '/unseen'") == 1;
}

// Every command that would write by `name` is refused, as its dry run says, and says `why`; every reader says
// it too.
void refused_by(const std::string& name, const std::string& why, const Args& writers_way = {}) {
    for (const Args& how : std::vector<Args>{{"compact", "--keep-last", "1500"},
                                             {"compact", "--keep-last", "1500", "--vacuum"},
                                             {"compact", "--keep-last", "1500", "--batch", "100"},
                                             {"compact", "--keep-last", "1500", "--live"},
                                             {"vacuum"}}) {
        CAPTURE(json(how).dump());
        Args args = how;
        args.insert(args.end(), writers_way.begin(), writers_way.end());
        args.insert(args.end(), {"-w", "json", name});
        const Result real = run_cli(args);
        CHECK(real.code == 4);
        const json error = json::parse(real.err).at("error");
        CHECK_MESSAGE(has(error.at("message").get<std::string>(), why), error.at("message"));
        args.insert(args.end() - 1, "-n");
        const json dry = json::parse(run_cli(args).out);
        CHECK(dry.at("refusal") == error.at("message"));
        CHECK(dry.at("refusal_kind") == error.at("kind"));
    }
    const Result check = run_cli({"check", name});
    CHECK(check.code == 3);
    CHECK(has(check.out, why));
    CHECK(has(run_cli({"status", name}).out, why));
    CHECK(has(run_cli({"compact", "-n", "--keep-last", "1500", name}).err, why));
    CHECK(has(run_cli({"get", "--prefix", "--keys-only", "/unseen", name}).err, why));
}

void not_copied(const Place& place, const std::string& name, const std::string& why) {
    const Result copy = run_cli({"compact", "--keep-last", "1500", "-o", place.folder.file("new"), name});
    CHECK(copy.code == 4);
    CHECK(has(copy.err, why));
    const json dry = json::parse(
        run_cli({"compact", "-n", "-w", "json", "--keep-last", "1500", "-o", place.folder.file("new"), name})
            .out);
    CHECK(has(dry.at("refusal").get<std::string>(), why));
    CHECK_FALSE(fs::exists(place.folder.file("new")));
}

}  // namespace

TEST_CASE("other names: a server that has the file by another one is not written beside") {
    for (const bool gone : {false, true}) {
        CAPTURE(gone);
        const Place place;
        const std::string other = place.link("real/other.db");
        {
            const Writer writer(place.real);
            if (gone) fs::remove(place.real);
            const std::string pid = std::to_string(writer.server.pid());
            std::string program;
            std::getline(std::ifstream("/proc/" + pid + "/comm"), program);
            const std::string why = "pid " + pid + " (" + program + ") has it open as " + place.real;
            refused_by(other, why);
            not_copied(place, other, why);
            for (const char* const made : {"-wal", "-shm"}) CHECK_FALSE(fs::exists(other + made));
            if (!gone) {
                const Result live = run_cli({"compact", "--keep-last", "1500", "--live", place.real});
                CHECK_MESSAGE(live.code == 0, live.err);
            }
        }
        if (!gone) CHECK(sound_with_row(place.real));
    }
}

TEST_CASE("other names: a -wal beside another name in the same folder is found") {
    const Place place;
    leave_wal(place.real);
    const std::string other = place.link("real/other.db");
    const std::string why = place.real + "-wal lies beside another name of the file";
    refused_by(other, why);
    not_copied(place, other, why);
    const Result done = run_cli({"compact", "--keep-last", "1500", place.real});
    CHECK_MESSAGE(done.code == 0, done.err);
    CHECK(sound_with_row(place.real));
    // Now there is none.
    CHECK_FALSE(has(run_cli({"check", other}).out, "other-name"));
    CHECK(run_cli({"compact", "--keep-last", "1000", other}).code == 0);
    CHECK(sound_with_row(place.real));
}

TEST_CASE("other names: where one lies elsewhere, a -wal may lie there too") {
    const Place place;
    leave_wal(place.real);
    const std::string other = place.link("other.db");
    refused_by(other, "it is in WAL mode and has other names (hard links), in other folders");
    const Result copy = run_cli({"compact", "--keep-last", "1500", "-o", place.folder.file("new"), other});
    CHECK(copy.code == 0);
    CHECK(has(copy.err, "has other names (hard links)"));
    CHECK(run_cli({"compact", "--keep-last", "1500", place.real}).code == 0);
    CHECK(sound_with_row(place.real));
}

TEST_CASE("other names: a -journal beside another name waits for who uses that one") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, long_history(900, 40, 100).row_list());
    const std::string before = read_file(db);
    {
        sqlite::Database open = sqlite::Database::open(db, sqlite::Database::Mode::write);
        open.exec(
            "PRAGMA cache_size = 1; BEGIN; UPDATE revision SET value = randomblob(100) WHERE tombstone = 0");
        fs::copy_file(db, folder.file("half"));
        fs::copy_file(db + "-journal", folder.file("journal"));
    }
    fs::copy_file(folder.file("half"), db, fs::copy_options::overwrite_existing);
    fs::copy_file(folder.file("journal"), db + "-journal");
    const std::string other = folder.file("other.db");
    fs::create_hard_link(db, other);
    const std::string half = read_file(db);
    REQUIRE(half != before);
    const Result real = run_cli({"compact", "--rev", "500", other});
    CHECK(real.code == 4);
    CHECK(has(real.err, db + "-journal lies beside another name of the file"));
    CHECK(run_cli({"check", other}).code == 3);
    CHECK(read_file(db) == half);
    const Result done = run_cli({"compact", "--rev", "500", db});
    CHECK_MESSAGE(done.code == 0, done.err);
    CHECK(run_cli({"compact", "--rev", "600", other}).code == 0);
}

TEST_CASE("other names: a mount of the file alone is one") {
    const Place place;
    leave_wal(place.real);
    const std::string other = place.folder.file("mounted.db");
    write_file(other, "");
    // In a process of its own, whose mounts end with it.
    const Server mounter([&](const std::function<void()>& until_stopped) {
        const bool mounts = ::unshare(CLONE_NEWNS) == 0 &&
                            ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                            ::mount(place.real.c_str(), other.c_str(), nullptr, MS_BIND, nullptr) == 0;
        std::string said = mounts ? "" : "cannot";
        if (mounts) {
            const Result real = run_cli({"compact", "--keep-last", "1500", other});
            said = std::to_string(real.code) + " " + real.err;
        }
        write_file(place.folder.file("said"), said);
        until_stopped();
    });
    const std::string said = read_file(place.folder.file("said"));
    if (said == "cannot") {
        MESSAGE("skipped: no mounts for this user");
        return;
    }
    CHECK(said.starts_with("4 "));
    CHECK_MESSAGE(has(said, place.real + "-wal lies beside another name of the file"), said);
}
