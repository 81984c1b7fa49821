#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>

#include "kvctl/sqlite/database.hpp"
#include "kvctl/sqlite/holders.hpp"
#include "kvctl/store/temp_file.hpp"
#include "kvctl/store/writable.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;

namespace {

// Another process that has a store in hands, until the end of the test.
class Holder {
  public:
    Holder(const std::string& path, const std::string& sql) {
        int ready[2];
        REQUIRE(::pipe(ready) == 0);
        pid_ = ::fork();
        REQUIRE(pid_ >= 0);
        if (pid_ == 0) {
            ::close(ready[0]);
            try {
                sqlite::Database db = sqlite::Database::open(path, sqlite::Database::Mode::write);
                db.exec(sql);
                (void)!::write(ready[1], "x", 1);
                for (;;) ::pause();
            } catch (...) {
                ::_exit(1);
            }
        }
        ::close(ready[1]);
        char byte = 0;
        REQUIRE(::read(ready[0], &byte, 1) == 1);
        ::close(ready[0]);
    }
    ~Holder() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    [[nodiscard]] std::string pid() const { return std::to_string(pid_); }

  private:
    pid_t pid_ = -1;
};

KineMaker some_kine() {
    return random_kine(5, 40, false);
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// What another process sees of the locks on a file.
bool locked_for_others(const std::string& path) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(sqlite::find_holders(path, false).locked ? 1 : 0);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

}  // namespace

TEST_CASE("locks: a WAL store that another process has open, even idle, is in use: exit 4 with its pid") {
    for (const char* sql :
         {"SELECT 1", "SELECT count(*) FROM kine", "BEGIN; SELECT count(*) FROM kine", "BEGIN IMMEDIATE",
          "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; UPDATE sqlite_sequence SET seq = seq; COMMIT"}) {
        const TempDir folder;
        const std::string db = folder.file("s.db");
        const KineMaker maker = some_kine();
        maker.write(db);
        const std::string bytes = read_file(db);
        {
            const Holder holder(db, sql);
            CAPTURE(std::string(sql));
            const std::string rev = std::to_string(maker.current());
            for (const char* mode : {"--vacuum", "--verbose", "--exit-code"}) {
                const Result r =
                    run_cli({"compact", "--rev", rev, mode, "--timeout", "50ms", "-w", "json", db});
                CHECK_MESSAGE(r.code == 4, r.err);
                CHECK_MESSAGE(has(r.err, "\"kind\":\"in-use\""), r.err);
                CHECK_MESSAGE(has(r.err, holder.pid()), r.err);
            }
            CHECK(read_file(db) == bytes);
        }
        CHECK(run_cli({"compact", "--rev", std::to_string(maker.current()), db}).code == 0);
    }
}

TEST_CASE("locks: readers go on beside a server that has a WAL store open") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    const KineMaker maker = some_kine();
    maker.write(db);
    const Holder holder(
        db,
        "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease) VALUES"
        " ('/new', 1, 0, 0, 0, 0)");
    const Result r = run_cli({"compact", "--rev", "2", "-n", "-w", "json", db});
    CHECK_MESSAGE(r.code == 0, r.err);
    CHECK(has(r.out, "\"current\":" + std::to_string(maker.current() + 1)));
}

TEST_CASE("locks: a lock on a rollback-journal store is busy: exit 5 with the pid") {
    struct Case {
        std::string sql;
        bool reads;  // kvctl may still read
    };
    for (const Case& c : std::vector<Case>{{"BEGIN IMMEDIATE", true},
                                           {"BEGIN; SELECT count(*) FROM revision", true},
                                           {"BEGIN EXCLUSIVE", false}}) {
        const TempDir folder;
        const std::string db = folder.file("s.db");
        naive::Store s(naive::k_classic);
        for (int i = 0; i < 9; ++i) {
            s.put("k", "v");
            s.end();
        }
        make_native(db, s.row_list());
        const std::string bytes = read_file(db);
        const Holder holder(db, c.sql);
        CAPTURE(c.sql);
        const Result r = run_cli({"compact", "--rev", "5", "--timeout", "50ms", "-w", "json", db});
        CHECK_MESSAGE(r.code == 5, r.err);
        CHECK_MESSAGE(has(r.err, "\"kind\":\"busy\""), r.err);
        CHECK_MESSAGE(has(r.err, holder.pid()), r.err);
        const Result dry = run_cli({"compact", "--rev", "5", "-n", "--timeout", "50ms", "-w", "json", db});
        CHECK_MESSAGE(dry.code == (c.reads ? 0 : 5), dry.err);
        if (!c.reads) CHECK_MESSAGE(has(dry.err, holder.pid()), dry.err);
        CHECK(read_file(db) == bytes);
    }
}

TEST_CASE("locks: an idle holder of a rollback-journal store is kept the file it has") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    naive::Store s(naive::k_classic);
    for (int i = 0; i < 9; ++i) {
        s.put("k", "v");
        s.end();
    }
    make_native(db, s.row_list());
    struct stat before {};
    REQUIRE(::stat(db.c_str(), &before) == 0);
    const Holder holder(db, "SELECT count(*) FROM revision");
    const Result r = run_cli({"compact", "--rev", "9", "--strategy", "rewrite", "--vacuum", db});
    REQUIRE_MESSAGE(r.code == 0, r.err);
    CHECK(has(r.err, "compacted in place"));
    struct stat after {};
    REQUIRE(::stat(db.c_str(), &after) == 0);
    CHECK(before.st_ino == after.st_ino);
    CHECK(native_meta(db, "finished_compact_rev") == 9);
}

TEST_CASE("locks: the writer waits as long as it may, then gets the store") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    const KineMaker maker = some_kine();
    maker.write(db);
    pid_t releaser = -1;
    {
        // Holds the store until kvctl has been seen to wait for it.
        int ready[2];
        REQUIRE(::pipe(ready) == 0);
        releaser = ::fork();
        REQUIRE(releaser >= 0);
        if (releaser == 0) {
            sqlite::Database open = sqlite::Database::open(db, sqlite::Database::Mode::write);
            (void)open.integer("SELECT count(*) FROM kine");
            (void)!::write(ready[1], "x", 1);
            ::usleep(150'000);
            open.close();
            ::_exit(0);
        }
        char byte = 0;
        REQUIRE(::read(ready[0], &byte, 1) == 1);
        ::close(ready[0]);
        ::close(ready[1]);
    }
    const Result r = run_cli({"compact", "--rev", std::to_string(maker.current()), "--timeout", "30s", db});
    ::waitpid(releaser, nullptr, 0);
    CHECK_MESSAGE(r.code == 0, r.err);
}

TEST_CASE("locks: a store being written is locked for everybody else all the time, also after a backup") {
    for (const bool wal : {true, false}) {
        const TempDir folder;
        const std::string db = folder.file("s.db");
        some_kine().write(db, {.wal = wal});
        CAPTURE(wal);
        CHECK_FALSE(locked_for_others(db));
        store::WritableStore writable = store::WritableStore::open(db, {});
        CHECK(locked_for_others(db));
        writable.backup(folder.file("copy.db"));
        CHECK(locked_for_others(db));
        writable.close();
        CHECK_FALSE(locked_for_others(db));
        CHECK(read_file(folder.file("copy.db")) == read_file(db));
    }
}

TEST_CASE("locks: what killed runs left behind is removed, what another run uses is not") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    const KineMaker maker = some_kine();
    maker.write(db);
    write_file(folder.file(".s.db.kvctl-abandoned"), "x");
    write_file(folder.file(".s.db.kvctl-abandoned-journal"), "x");
    write_file(folder.file(".other.db.kvctl-abandoned"), "x");
    write_file(folder.file(".s.db.kvctl"), "x");
    write_file(folder.file(".s.db.kvctl-inuse"), "x");
    const int fd = ::open(folder.file(".s.db.kvctl-inuse").c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(fd >= 0);
    REQUIRE(::flock(fd, LOCK_EX | LOCK_NB) == 0);
    CHECK(run_cli({"compact", "--rev", "2", "-n", db}).code == 0);
    CHECK(folder.names().size() == 6);
    CHECK(run_cli({"compact", "--rev", std::to_string(maker.current()), db}).code == 0);
    CHECK(folder.names() ==
          std::vector<std::string>{".other.db.kvctl-abandoned", ".s.db.kvctl", ".s.db.kvctl-inuse", "s.db"});
    ::close(fd);
}
