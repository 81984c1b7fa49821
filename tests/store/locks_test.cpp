#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
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
#include "kvctl/store/open.hpp"
#include "kvctl/store/sqlite/writable.hpp"
#include "kvctl/store/temp_file.hpp"
#include "tests/support/bbolt_image.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/places.hpp"
#include "tests/support/run_binary.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sample_store.hpp"
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

// Another process that does what it is told: a byte in, its answer out.
class Worker {
  public:
    Worker(const std::string& path, const std::function<char(sqlite::Database&)>& work) {
        REQUIRE(::pipe(in_) == 0);
        REQUIRE(::pipe(out_) == 0);
        pid_ = ::fork();
        REQUIRE(pid_ >= 0);
        if (pid_ != 0) return;
        try {
            sqlite::Database db = sqlite::Database::open(path, sqlite::Database::Mode::write);
            db.busy_timeout(5000);
            (void)db.integer("SELECT count(*) FROM sqlite_schema");
            char byte = 'r';
            do {
                if (byte == 'w') byte = work(db);
                if (::write(out_[1], &byte, 1) != 1) break;
            } while (::read(in_[0], &byte, 1) == 1);
        } catch (...) {
            ::_exit(1);
        }
        ::_exit(0);
    }
    ~Worker() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        for (const int fd : {in_[0], in_[1], out_[0], out_[1]}) ::close(fd);
    }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    void start() { REQUIRE(::write(in_[1], "w", 1) == 1); }
    /// '!' when it does not answer.
    [[nodiscard]] char answer() {
        pollfd ready{out_[0], POLLIN, 0};
        char byte = '!';
        if (::poll(&ready, 1, 20000) != 1 || ::read(out_[0], &byte, 1) != 1) byte = '!';
        return byte;
    }

  private:
    int in_[2]{};
    int out_[2]{};
    pid_t pid_ = -1;
};

constexpr const char* k_write_row =
    "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value)"
    " VALUES ('/new/' || hex(randomblob(8)), 1, 0, 0, 0, 0, zeroblob(200))";

std::int64_t rows_in(store::Store& s) {
    Findings findings;
    return static_cast<std::int64_t>(s.load(mvcc::kine_rules(), findings, nullptr).total().revisions);
}

KineMaker some_kine() {
    return random_kine(5, 40, false);
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
        make_native(db, long_history(9, 1).row_list());
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
    make_native(db, long_history(9, 1).row_list());
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
        store::SqliteWritable writable = store::SqliteWritable::open(db, {});
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

TEST_CASE("locks: a busy writer loses nothing, whether kvctl gets its turn or not") {
    for (const bool wal : {false, true}) {
        CAPTURE(wal);
        const TempDir folder;
        const std::string db = folder.file("s.db");
        const KineMaker maker = some_kine();
        maker.write(db, {.wal = wal});
        const std::string rev = std::to_string(maker.current() - 5);
        // Transactions with hardly a pause; one that finds the file locked waits for its turn.
        Worker writer(db, [](sqlite::Database& open) {
            for (int i = 0; i < 100; ++i) {
                open.exec(k_write_row);
                ::usleep(2000);
            }
            return 'd';
        });
        REQUIRE(writer.answer() == 'r');
        writer.start();
        for (int i = 0; i < 9; ++i) {
            const std::vector<std::vector<std::string>> ways{
                {"--strategy", "rewrite"}, {"--batch", "3"}, {"--vacuum"}};
            std::vector<std::string> args{"compact", "--rev", rev, "--timeout", "20ms", db};
            const std::vector<std::string>& how = ways[static_cast<std::size_t>(i % 3)];
            args.insert(args.end() - 1, how.begin(), how.end());
            const Result r = run_binary(args);
            const bool expected = wal ? r.code == 4 : r.code == 0 || r.code == 5;
            CHECK_MESSAGE(expected, r.code << ": " << r.err);
            const Result look = run_binary({"compact", "--rev", rev, "-n", db});
            CHECK_MESSAGE((look.code == 0 || (!wal && look.code == 5)), look.err);
        }
        CHECK(writer.answer() == 'd');
        CHECK(query_one(db, "SELECT count(*) FROM kine WHERE name GLOB '/new/*'") == "100");
        CHECK(query_one(db, "PRAGMA integrity_check") == "ok");
    }
}

TEST_CASE("locks: two runs at once take turns or give up, and one compaction comes of it") {
    for (const bool wal : {false, true}) {
        for (const char* strategy : {"in-place", "rewrite"}) {
            CAPTURE(wal);
            CAPTURE(std::string(strategy));
            const TempDir folder;
            const std::string db = folder.file("s.db");
            make_native(db, long_history(2000, 50).row_list(), {.wal = wal});
            const Start start{.args = {"compact", "--rev", "1500", "--strategy", strategy, "--vacuum", db}};
            Child first(start);
            Child second(start);
            const Result a = first.wait();
            const Result b = second.wait();
            for (const Result& r : {a, b}) CHECK_MESSAGE((r.code == 0 || r.code == 4 || r.code == 5), r.err);
            CHECK((a.code == 0 || b.code == 0));
            CHECK(native_meta(db, "finished_compact_rev") == 1500);
            CHECK(query_one(db, "PRAGMA integrity_check") == "ok");
            CHECK(folder.names() == std::vector<std::string>{"s.db"});
        }
    }
}

TEST_CASE("locks: a read beside a live writer neither holds it up nor pins its -wal") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    some_kine().write(db);
    const auto wal_bytes = [&] { return std::filesystem::file_size(db + "-wal"); };
    Worker writer(db, [](sqlite::Database& open) {
        open.exec(k_write_row);
        return open.integer("PRAGMA wal_checkpoint(TRUNCATE)") == 0 ? 'c' : 'b';
    });
    REQUIRE(writer.answer() == 'r');
    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"status"},
                                               {"du"},
                                               {"get", "", "--prefix"},
                                               {"history", "/new"},
                                               {"index"},
                                               {"check"},
                                               {"export"},
                                               {"compact", "--rev", "9", "-n"},
                                               {"vacuum", "-n"},
                                               {"import", "-o", folder.file("i.db")},
                                               {"compact", "--rev", "9", "-o", folder.file("o.db")}}) {
        std::vector<std::string> args = command;
        args.push_back(db);
        const Result r = run_binary(args);
        CAPTURE(command.front());
        CHECK_MESSAGE((r.code == 0 || r.code == 3), r.err);
        writer.start();
        CHECK(writer.answer() == 'c');
        CHECK(wal_bytes() == 0);
    }
    // Also in the middle of a read: the writer writes on.
    Worker only_writes(db, [](sqlite::Database& open) {
        open.exec(k_write_row);
        return 'w';
    });
    REQUIRE(only_writes.answer() == 'r');
    {
        const std::unique_ptr<store::Store> reader = store::open_store(db, {});
        const std::int64_t before = rows_in(*reader);
        only_writes.start();
        CHECK(only_writes.answer() == 'w');
        CHECK(rows_in(*reader) == before);
    }
    writer.start();
    CHECK(writer.answer() == 'c');
    CHECK(wal_bytes() == 0);
}

TEST_CASE("locks: a file replaced or cut short while it is read yields one state or an error, no mixture") {
    for (const bool wal : {false, true}) {
        CAPTURE(wal);
        const TempDir folder;
        const std::string db = folder.file("s.db");
        const std::string other = folder.file("other.db");
        random_kine(6, 700, false).write(other, {.wal = wal});
        random_kine(5, 400, false).write(db, {.wal = wal});
        const std::int64_t new_rows = rows_in(*store::open_store(other, {}));
        const std::int64_t old_rows = rows_in(*store::open_store(db, {}));
        REQUIRE(old_rows != new_rows);
        {
            const std::unique_ptr<store::Store> reader = store::open_store(db, {});
            std::filesystem::rename(other, db);
            const std::int64_t rows = rows_in(*reader);
            CHECK((rows == old_rows || rows == new_rows));
        }
        const std::unique_ptr<store::Store> reader = store::open_store(db, {});
        std::filesystem::resize_file(db, std::filesystem::file_size(db) / 3);
        try {
            (void)rows_in(*reader);
            FAIL_CHECK("a file that was cut short was read to its end");
        } catch (const Error& e) {
            const bool expected =
                e.kind() == ErrorKind::damaged || e.kind() == ErrorKind::io || e.kind() == ErrorKind::busy;
            CHECK_MESSAGE(expected, e.what());
        }
    }
}

TEST_CASE("locks: a mapped file that is cut short under the reader ends the run with a message, no crash") {
    const TempDir folder;
    const std::string db = folder.file("db");
    std::vector<mvcc::Record> records;
    const std::string value(2000, 'v');
    for (std::int64_t i = 2; i < 2000; ++i) {
        mvcc::Record r;
        r.revision = {i, 0};
        r.key = "key";
        r.create_revision = 2;
        r.version = i - 1;
        r.value = value;
        records.push_back(r);
    }
    write_file(db, etcd_image(records).build());
    // Nobody reads the report until the file is short.
    const Result r =
        run({.args = {"-c",
                      R"("$0" export "$1" | { sleep 0.5; truncate -s 8192 "$1"; cat > /dev/null; })"
                      "; exit ${PIPESTATUS[0]}",
                      kvctl_exe(), db},
             .program = "bash"});
    // Lost pages read as zeros: whether that or the zeros are noticed first, the disk is to blame.
    CHECK_MESSAGE(r.code == 7, r.err);
    CHECK(has(r.err, db));
    CHECK(has(r.err, "cut short"));
}
