#include "kvctl/store/replace.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include "kvctl/base/openers.hpp"
#include "kvctl/sqlite/database.hpp"
#include "kvctl/store/open.hpp"
#include "kvctl/store/sqlite/execute.hpp"
#include "kvctl/store/sqlite/writable.hpp"
#include "tests/support/bbolt_image.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;

namespace {

constexpr const char* k_late_row =
    "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value)"
    " VALUES ('/late/' || hex(randomblob(8)), 1, 0, 0, 0, 0, zeroblob(200))";

// Another process that does something with a file, says so, and then waits to be killed.
class Other {
  public:
    explicit Other(const std::function<void()>& work) {
        int ready[2];
        REQUIRE(::pipe(ready) == 0);
        pid_ = ::fork();
        REQUIRE(pid_ >= 0);
        if (pid_ == 0) {
            try {
                work();
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
    ~Other() { stop(); }
    Other(const Other&) = delete;
    Other& operator=(const Other&) = delete;
    void stop() {
        if (pid_ < 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    [[nodiscard]] pid_t pid() const { return pid_; }

  private:
    pid_t pid_ = -1;
};

class Descriptor {
  public:
    explicit Descriptor(const std::string& path) : fd_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {
        REQUIRE(fd_ >= 0);
    }
    ~Descriptor() { ::close(fd_); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool lock() const { return ::flock(fd_, LOCK_EX | LOCK_NB) == 0; }
    [[nodiscard]] std::string bytes() const {
        struct stat st {};
        REQUIRE(::fstat(fd_, &st) == 0);
        std::string all(static_cast<std::size_t>(st.st_size), '\0');
        REQUIRE(::pread(fd_, all.data(), all.size(), 0) == st.st_size);
        return all;
    }

  private:
    int fd_;
};

void fill(store::TempFile& file, const std::string& text) {
    REQUIRE(::write(file.descriptor(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

// A layout made up for these tests: what is at its bytes 4 to 23 is read first.
store::FileRules some_rules() {
    return {store::FileLock::flock, {4, 19}, {"-side", "-log"}};
}

const std::string k_old_text = "the old file, of thirty-two byte";

// A file of that layout, locked and about to be replaced.
struct Prepared {
    TempDir folder;
    std::string path;
    Descriptor held;
    Prepared() : path(written()), held(path) { REQUIRE(held.lock()); }
    std::string written() {
        write_file(folder.file("file"), k_old_text);
        return folder.file("file");
    }
    store::OldFile old() { return {path, path, held.get()}; }
};

bool is_taken(const std::string& path) {
    const Descriptor file(path);
    return !file.lock();
}

}  // namespace

TEST_CASE("replace: the new file has the name, and the old one cannot be opened any more") {
    Prepared p;
    REQUIRE(::chmod(p.path.c_str(), 0640) == 0);
    {
        store::Replacement r(p.old(), some_rules());
        fill(r.file(), "new");
        CHECK(read_file(p.path) == k_old_text);
        r.commit();
        CHECK(r.published());
        CHECK(is_taken(p.path));  // nobody begins before the old file is done with
    }
    CHECK_FALSE(is_taken(p.path));
    CHECK(read_file(p.path) == "new");
    CHECK(p.folder.names() == std::vector<std::string>{"file"});
    struct stat st {};
    REQUIRE(::stat(p.path.c_str(), &st) == 0);
    CHECK((st.st_mode & 07777) == 0640);
    std::string spoiled = p.held.bytes();
    CHECK(spoiled.substr(4, 4) != k_old_text.substr(4, 4));
    CHECK(spoiled.substr(20, 3) != k_old_text.substr(20, 3));
    spoiled.replace(4, 19, k_old_text, 4, 19);
    CHECK(spoiled == k_old_text);
}

TEST_CASE("replace: a file that has another name stays as it was under that") {
    Prepared p;
    std::filesystem::create_hard_link(p.path, p.folder.file("second"));
    store::Replacement r(p.old(), some_rules());
    fill(r.file(), "new");
    r.commit();
    CHECK(read_file(p.path) == "new");
    CHECK(read_file(p.folder.file("second")) == k_old_text);
}

TEST_CASE("replace: without commit nothing happens") {
    Prepared p;
    {
        store::Replacement r(p.old(), some_rules());
        fill(r.file(), "new");
    }
    CHECK(read_file(p.path) == k_old_text);
    CHECK(p.folder.names() == std::vector<std::string>{"file"});
}

TEST_CASE("replace: what stands beside the file by its name goes with the old one") {
    Prepared p;
    write_file(p.folder.file("file-log"), "of the old file");
    write_file(p.folder.file("file-other"), "somebody's");
    store::Replacement r(p.old(), some_rules());
    write_file(p.folder.file("file-side"), "of the old file");
    r.commit();
    CHECK(p.folder.names() == std::vector<std::string>{"file", "file-other"});
}

TEST_CASE("replace: gives way to who opened the file meanwhile, with the pid, and replaces nothing") {
    Prepared p;
    store::Replacement r(p.old(), some_rules());
    const Other opened([&] { REQUIRE(::open(p.path.c_str(), O_RDONLY) >= 0); });
    check_error(ErrorKind::in_use, "pid " + std::to_string(opened.pid()), [&] { r.commit(); });
    CHECK_FALSE(r.published());
    CHECK(read_file(p.path) == k_old_text);
    CHECK(p.held.bytes() == k_old_text);
}

TEST_CASE("replace: who waits for a lock is found by the table of locks") {
    Prepared p;
    struct stat st {};
    REQUIRE(::fstat(p.held.get(), &st) == 0);
    CHECK(find_lockers(st, true).empty());
    const pid_t waiter = ::fork();
    REQUIRE(waiter >= 0);
    if (waiter == 0) {
        const int fd = ::open(p.path.c_str(), O_RDWR | O_CLOEXEC);
        (void)::flock(fd, LOCK_EX);  // in vain
        ::_exit(0);
    }
    for (int i = 0; i < 5000 && find_lockers(st, true).empty(); ++i) ::usleep(2000);
    CHECK(find_lockers(st, true) == std::vector<pid_t>{waiter});
    CHECK(find_lockers(st, false).empty());
    ::kill(waiter, SIGKILL);
    ::waitpid(waiter, nullptr, 0);
}

TEST_CASE("replace: a file that changed since is left as it is now") {
    const std::string changed = "THE old file, of thirty-two byte";
    struct Row {
        std::string name;
        std::function<void(const Prepared&)> change;
        std::string left;
    };
    for (const Row& row : std::vector<Row>{
             {"written, and its time set back",
              [](const Prepared& p) {
                  struct stat st {};
                  REQUIRE(::fstat(p.held.get(), &st) == 0);
                  REQUIRE(::pwrite(p.held.get(), "HERE", 4, 4) == 4);
                  const timespec times[2] = {st.st_atim, st.st_mtim};
                  REQUIRE(::futimens(p.held.get(), times) == 0);
              },
              std::string(k_old_text).replace(4, 4, "HERE")},
             {"longer", [](const Prepared& p) { REQUIRE(::pwrite(p.held.get(), "!", 1, 32) == 1); },
              k_old_text + "!"},
             {"another file has the name",
              [&](const Prepared& p) {
                  write_file(p.folder.file("another"), changed);
                  std::filesystem::rename(p.folder.file("another"), p.path);
              },
              changed}}) {
        CAPTURE(row.name);
        Prepared p;
        store::Replacement r(p.old(), some_rules());
        row.change(p);
        check_error(ErrorKind::in_use, "changed it", [&] { r.commit(); });
        CHECK_FALSE(r.published());
        CHECK(read_file(p.path) == row.left);
    }
}

TEST_CASE(
    "replace: an SQLite store is given up to a server that opened it meanwhile and waits for its turn") {
    for (const bool wal : {false, true}) {
        CAPTURE(wal);
        const TempDir folder;
        const std::string db = folder.file("s.db");
        random_kine(5, 40, false).write(db, {.wal = wal});
        store::SqliteWritable writable = store::SqliteWritable::open(db, {});
        const Other server([&] {
            sqlite::Database open = sqlite::Database::open(db, sqlite::Database::Mode::write);
            open.busy_timeout(0);
            try {
                open.exec(k_late_row);
            } catch (const Error& e) {
                if (e.kind() != ErrorKind::busy) throw;
                static sqlite::Database kept = std::move(open);
                return;
            }
            throw Error(ErrorKind::internal, "it had its turn");
        });
        check_error(ErrorKind::in_use, "pid " + std::to_string(server.pid()),
                    [&] { writable.shrink(nullptr); });
        CHECK_FALSE(writable.may_have_changed());
        writable.close();
        CHECK(folder.names().front() == "s.db");
        CHECK(query_one(db, "PRAGMA integrity_check") == "ok");
    }
}

TEST_CASE("replace: who opened an SQLite store unseen is refused, and leaves nothing beside the new one") {
    for (const bool wal : {false, true}) {
        for (const bool reads : {false, true}) {
            if (wal && reads) continue;  // it would hold a lock
            CAPTURE(wal);
            CAPTURE(reads);
            const TempDir folder;
            const std::string db = folder.file("s.db");
            random_kine(5, 40, false).write(db, {.wal = wal});
            // This process itself is not looked for.
            sqlite::Database server = sqlite::Database::open(db, sqlite::Database::Mode::write);
            server.busy_timeout(0);
            if (reads) CHECK(server.integer("SELECT count(*) FROM kine").value_or(0) > 0);
            store::SqliteWritable writable = store::SqliteWritable::open(db, {});
            writable.shrink(nullptr);
            writable.close();
            check_error(ErrorKind::not_a_store, "not a database", [&] { server.exec(k_late_row); });
            CHECK_THROWS_AS((void)server.integer("SELECT count(*) FROM kine"), Error);
            CHECK(folder.names() == std::vector<std::string>{"s.db"});
            CHECK(query_one(db, "PRAGMA integrity_check") == "ok");
            // Its restart opens the new one.
            run_sql(db, k_late_row);
            CHECK(query_one(db, "SELECT count(*) FROM kine WHERE name GLOB '/late/*'") == "1");
        }
    }
}

TEST_CASE("replace: a -wal that somebody wrote past the locks is not thrown away") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    random_kine(5, 40, false).write(db, {.wal = false});
    store::SqliteWritable writable = store::SqliteWritable::open(db, {});
    store::Replacement r = writable.begin_replacement();
    write_file(db + "-wal", "frames");
    check_error(ErrorKind::in_use, "wrote into it", [&] { writable.replace_by(r); });
    CHECK(read_file(db + "-wal") == "frames");
}

TEST_CASE("replace: a backup of a file that changes meanwhile is not kept") {
    const TempDir folder;
    const std::string source = folder.file("source");
    write_file(source, "");
    std::filesystem::resize_file(source, std::uintmax_t{64} << 20);
    const store::SourceFile from(source);
    const Descriptor written(source);
    std::atomic<bool> stop = false;
    std::atomic<bool> began = false;
    std::thread writer([&] {
        for (char i = 0; !stop; ++i) {
            (void)!::pwrite(written.get(), &i, 1, 5);
            began = true;
        }
    });
    while (!began) std::this_thread::yield();
    check_error(ErrorKind::in_use, "changed it while it was copied",
                [&] { store::copy_to_new_file(from, folder.file("copy")); });
    stop = true;
    writer.join();
    CHECK(folder.names() == std::vector<std::string>{"source"});
    store::copy_to_new_file(from, folder.file("copy"));
    CHECK(read_file(folder.file("copy")) == read_file(source));
}

namespace {

// Plans on a store, lets somebody change it, and copies what the plan keeps to "o.db".
void copy_after(const TempDir& folder, const std::string& path, const std::function<void()>& change) {
    const std::unique_ptr<store::Store> store = store::open_store(path, {});
    const bool kine = store->info().layout == store::Layout::kine;
    Findings findings;
    const mvcc::TreeIndex index =
        store->load(kine ? mvcc::kine_rules() : mvcc::classic_rules(), findings, nullptr);
    const store::StoreHead head = store->head();
    mvcc::CompactionInput input;
    input.current = head.current;
    input.compacted = head.compacted;
    const mvcc::CompactionPlan plan =
        mvcc::plan_compaction(index, input, MainRevision(head.current.value() - 5));
    change();
    store->write_compacted(index, plan, {}, folder.file("o.db"));
}

}  // namespace

TEST_CASE("replace: a copy of a store that changed while it was copied is not kept, whatever the layout") {
    struct Row {
        std::string name;
        std::function<void(const std::string&)> make;
        std::string sql;  // by somebody who takes SQLite's locks; else a byte is written past all locks
    };
    std::vector<mvcc::Record> records;
    for (std::int64_t i = 2; i < 40; ++i) {
        mvcc::Record r;
        r.revision = {i, 0};
        r.key = "key";
        r.create_revision = 2;
        r.version = i - 1;
        records.push_back(r);
    }
    for (const Row& row : std::vector<Row>{
             {"kine, WAL", [](const std::string& db) { random_kine(5, 40, false).write(db); }, k_late_row},
             {"native, WAL",
              [](const std::string& db) { make_native(db, long_history(60, 7).row_list(), {.wal = true}); },
              "INSERT INTO lease VALUES (77, 60)"},
             {"kine, rollback",
              [](const std::string& db) { random_kine(5, 40, false).write(db, {.wal = false}); }, ""},
             {"native, rollback",
              [](const std::string& db) { make_native(db, long_history(60, 7).row_list()); }, ""},
             {"bbolt", [&](const std::string& db) { write_file(db, etcd_image(records).build()); }, ""}}) {
        CAPTURE(row.name);
        const TempDir folder;
        const std::string db = folder.file("s.db");
        row.make(db);
        copy_after(folder, db, [] {});
        std::filesystem::remove(folder.file("o.db"));
        check_error(ErrorKind::in_use, "changed it while it was copied", [&] {
            copy_after(folder, db, [&] {
                const Other other([&] {
                    if (!row.sql.empty()) {
                        sqlite::Database::open(db, sqlite::Database::Mode::write).exec(row.sql);
                        return;
                    }
                    const Descriptor file(db);
                    const std::string bytes = file.bytes();
                    (void)!::pwrite(file.get(), bytes.data() + bytes.size() - 1, 1,
                                    static_cast<off_t>(bytes.size() - 1));
                });
            });
        });
        CHECK_FALSE(std::filesystem::exists(folder.file("o.db")));
        for (const std::string& name : folder.names()) CHECK(name.starts_with("s.db"));
    }
}

TEST_CASE("replace: beside a server that writes on, a kine store is copied as planned, a native one is not") {
    for (const bool kine : {true, false}) {
        CAPTURE(kine);
        const TempDir folder;
        const std::string db = folder.file("s.db");
        if (kine) {
            random_kine(5, 40, false).write(db);
        } else {
            make_native(db, long_history(60, 7).row_list(), {.wal = true});
        }
        const auto writes = [&] {
            static sqlite::Database server = sqlite::Database::open(db, sqlite::Database::Mode::write);
            server.exec(kine ? k_late_row : "INSERT INTO lease SELECT 77 + count(*), 60 FROM lease");
        };
        const Other server([&] { writes(); });
        const auto copy = [&] { copy_after(folder, db, [&] { const Other second([&] { writes(); }); }); };
        if (!kine) {
            CHECK_THROWS_AS(copy(), Error);
            CHECK_FALSE(std::filesystem::exists(folder.file("o.db")));
            continue;
        }
        copy();
        CHECK(query_one(folder.file("o.db"), "SELECT count(*) FROM kine WHERE name GLOB '/late/*'") == "1");
        CHECK(query_one(db, "SELECT count(*) FROM kine WHERE name GLOB '/late/*'") == "2");
    }
}
