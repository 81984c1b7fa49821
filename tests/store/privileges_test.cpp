#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "kvctl/base/bytes.hpp"
#include "kvctl/sqlite/database.hpp"
#include "kvctl/store/temp_file.hpp"
#include "tests/support/bbolt_image.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/places.hpp"
#include "tests/support/run_binary.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

// Who may read what a run writes, and what a run may do for whoever started it.
namespace fs = std::filesystem;
using namespace kvctl::test;

namespace {

using Args = std::vector<std::string>;

constexpr uid_t k_nobody = 65534;

struct stat stat_of(const std::string& path) {
    struct stat st {};
    REQUIRE(::lstat(path.c_str(), &st) == 0);
    return st;
}

// As a user without privileges. Root's tests become that user, anybody else is one already.
Result run_unprivileged(const Args& args) {
    if (::geteuid() != 0) return run_binary(args);
    Args all{"--reuid", "65534", "--regid", "65534", "--clear-groups", kvctl_exe()};
    all.insert(all.end(), args.begin(), args.end());
    return run({.args = all, .program = "setpriv"});
}

bool can_be_unprivileged() {
    const int code = run_unprivileged({"version"}).code;
    if (code != 0) MESSAGE("skipped: no setpriv, or the program is out of another user's reach");
    return code == 0;
}

// A store whose last transactions lie in a -wal, as a killed server leaves it: the -shm is gone.
void leave_wal(const std::string& path, const std::string& sql) {
    const TempDir live;
    const std::string db = live.file("live.db");
    fs::copy_file(path, db);
    {
        kvctl::sqlite::Database open =
            kvctl::sqlite::Database::open(db, kvctl::sqlite::Database::Mode::write);
        open.exec("PRAGMA journal_mode = WAL");
        open.exec("PRAGMA wal_autocheckpoint = 0");
        open.exec(sql);
        fs::copy_file(db, path, fs::copy_options::overwrite_existing);
        fs::copy_file(db + "-wal", path + "-wal");
    }
}

std::string content(const TempDir& folder) {
    std::string all;
    for (const std::string& name : folder.names()) all += name + ":" + read_file(folder.path() / name) + "\n";
    return all;
}

}  // namespace

TEST_CASE("privileges: owner, group and mode of a store outlive every way of writing it") {
    const bool root = ::geteuid() == 0;
    for (const Args& how : std::vector<Args>{{"compact", "--rev", "7", "--strategy", "rewrite"},
                                             {"compact", "--rev", "7", "--strategy", "in-place", "--vacuum"},
                                             {"compact", "--rev", "7", "--batch", "2"},
                                             {"compact", "--rev", "7", "-o", "OUT"},
                                             {"vacuum"}}) {
        for (const bool wal : {false, true}) {
            CAPTURE(how.back());
            CAPTURE(wal);
            const TempDir folder;
            const std::string db = folder.file("s.db");
            make_native(db, sample_history().row_list(), {.wal = wal});
            REQUIRE(::chmod(db.c_str(), 0640) == 0);
            if (root) REQUIRE(::chown(db.c_str(), 1234, 2345) == 0);
            const struct stat before = stat_of(db);
            Args args;
            std::string made = db;
            for (const std::string& word : how) {
                if (word == "OUT") made = folder.file("out.db");
                args.push_back(word == "OUT" ? made : word);
            }
            args.push_back(db);
            const Result r = run_binary(args);
            REQUIRE_MESSAGE(r.code == 0, r.err);
            const struct stat after = stat_of(made);
            CHECK(after.st_mode == before.st_mode);
            CHECK(after.st_uid == before.st_uid);
            CHECK(after.st_gid == before.st_gid);
        }
    }
}

TEST_CASE("privileges: a new file beside a store belongs to who makes it, and lets nobody do more") {
    if (::geteuid() != 0 || !can_be_unprivileged()) return;
    struct Row {
        mode_t mode;
        gid_t group;
        mode_t made;
    };
    for (const Row& row : {Row{0644, 0, 0644}, Row{0604, 0, 0604}, Row{0664, k_nobody, 0664},
                           Row{0640, k_nobody, 0640}, Row{0674, 0, 0644}}) {
        for (const bool etcd : {false, true}) {
            CAPTURE(row.mode);
            CAPTURE(etcd);
            const TempDir folder;
            REQUIRE(::chmod(folder.path().c_str(), 0777) == 0);
            const std::string db = folder.file("s.db");
            if (etcd) {
                write_file(db, etcd_image(sample_history()).build());
            } else {
                make_native(db, sample_history().row_list());
            }
            REQUIRE(::chown(db.c_str(), 0, row.group) == 0);
            REQUIRE(::chmod(db.c_str(), row.mode) == 0);
            const std::string made = folder.file("new.db");
            const Result r = run_unprivileged({"compact", "--rev", "7", "-o", made, db});
            REQUIRE_MESSAGE(r.code == 0, r.err);
            const struct stat st = stat_of(made);
            CHECK(st.st_uid == k_nobody);
            CHECK((st.st_mode & 07777) == row.made);
            // In the store's place it would be another's.
            CHECK(run_unprivileged({"compact", "--rev", "7", "--strategy", "rewrite", db}).code == 7);
        }
    }
}

TEST_CASE(
    "privileges: backups and lists are for their owner's eyes, whatever the umask and the store's mode") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list());
    REQUIRE(::chmod(db.c_str(), 0666) == 0);
    const mode_t mask = ::umask(0);
    const Result r = run_binary(
        {"compact", "--rev", "7", "--backup", folder.file("b.db"), "--list=" + folder.file("l"), db});
    const Result v = run_binary({"vacuum", "--backup", folder.file("v.db"), db});
    ::umask(mask);
    REQUIRE_MESSAGE(r.code == 0, r.err);
    REQUIRE_MESSAGE(v.code == 0, v.err);
    for (const char* name : {"b.db", "v.db", "l"})
        CHECK((stat_of(folder.file(name)).st_mode & 07777) == 0600);
    CHECK((stat_of(db).st_mode & 07777) == 0666);
}

TEST_CASE("privileges: a new file is never made through a symbolic link") {
    for (const bool dangling : {false, true}) {
        for (const Args& how : std::vector<Args>{{"compact", "--rev", "7", "-o", "LINK"},
                                                 {"compact", "--rev", "7", "--backup", "LINK"},
                                                 {"compact", "--rev", "7", "--list=LINK"},
                                                 {"compact", "-n", "--rev", "7", "--list=LINK"},
                                                 {"vacuum", "--backup", "LINK"},
                                                 {"import", "-o", "LINK"}}) {
            CAPTURE(dangling);
            CAPTURE(how.back());
            const TempDir folder;
            const std::string db = folder.file("s.db");
            make_native(db, sample_history().row_list());
            const std::string target = folder.file("target");
            const std::string link = folder.file("link");
            if (!dangling) write_file(target, "precious");
            fs::create_symlink(target, link);
            const std::string bytes = read_file(db);
            Args args;
            for (std::string word : how) {
                if (const std::size_t at = word.find("LINK"); at != std::string::npos)
                    word.replace(at, 4, link);
                args.push_back(word);
            }
            args.push_back(db);
            const Result r = run_binary(args);
            CHECK_MESSAGE(r.code == 4, r.err);
            CHECK(fs::is_symlink(link));
            CHECK(fs::exists(target) == !dangling);
            if (!dangling) CHECK(read_file(target) == "precious");
            CHECK(read_file(db) == bytes);
            CHECK(folder.names().size() == (dangling ? 2 : 3));
        }
    }
}

TEST_CASE("privileges: links planted under names like a temporary file's are neither followed nor removed") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list());
    write_file(folder.file("target"), "precious");
    fs::create_symlink(folder.file("target"), folder.file(".s.db.kvctl-planted"));
    REQUIRE(run_binary({"compact", "--rev", "7", "--strategy", "rewrite", db}).code == 0);
    CHECK(read_file(folder.file("target")) == "precious");
    CHECK(fs::is_symlink(folder.file(".s.db.kvctl-planted")));
}

TEST_CASE("privileges: a store given by a link is replaced where it stands, and the link stays one") {
    const TempDir folder;
    const TempDir elsewhere;
    const std::string db = elsewhere.file("s.db");
    make_native(db, sample_history().row_list());
    fs::create_symlink(db, folder.file("link"));
    REQUIRE(run_binary({"compact", "--rev", "7", "--strategy", "rewrite", folder.file("link")}).code == 0);
    CHECK(fs::is_symlink(folder.file("link")));
    CHECK_FALSE(fs::is_symlink(db));
    CHECK(native_meta(db, "finished_compact_rev") == 7);
    CHECK(folder.names() == std::vector<std::string>{"link"});
    CHECK(elsewhere.names() == std::vector<std::string>{"s.db"});
}

TEST_CASE("privileges: temporary names cannot be foreseen, and their files cannot be read by others") {
    const TempDir folder;
    std::set<std::string> names;
    std::set<std::string> starts;
    for (int i = 0; i < 64; ++i) {
        const kvctl::store::TempFile file(folder.file("s.db"));
        const std::string name = fs::path(file.path()).filename();
        REQUIRE(name.starts_with(".s.db.kvctl-"));
        const std::string random = name.substr(12);
        CHECK(random.size() == 12);
        names.insert(random);
        starts.insert(random.substr(0, 3));
        CHECK((stat_of(file.path()).st_mode & 07777) == 0600);
    }
    CHECK(names.size() == 64);
    CHECK(starts.size() > 50);  // 32768 beginnings: more than a few that meet are no accident
    CHECK(folder.names().empty());
}

TEST_CASE("privileges: a -wal that may not be read is named") {
    if (!can_be_unprivileged()) return;
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list(), {.wal = true});
    leave_wal(db, "UPDATE revision SET value = zeroblob(99) WHERE main = 2");
    REQUIRE(::chmod(folder.path().c_str(), 0755) == 0);
    REQUIRE(::chmod(db.c_str(), 0644) == 0);
    REQUIRE(::chmod((db + "-wal").c_str(), 0) == 0);
    const Result r = run_unprivileged({"status", db});
    CHECK(r.code == 7);
    CHECK_MESSAGE(r.err.find("s.db-wal: cannot open") != std::string::npos, r.err);
}

TEST_CASE("privileges: another user's store is not replaced by a file of one's own") {
    if (::geteuid() != 0 || !can_be_unprivileged()) return;
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list());
    REQUIRE(::chmod(folder.path().c_str(), 0777) == 0);
    REQUIRE(::chmod(db.c_str(), 0666) == 0);
    const std::string bytes = read_file(db);
    const Result r = run_unprivileged({"compact", "--rev", "7", "--strategy", "rewrite", db});
    CHECK_MESSAGE(r.code == 7, r.err);
    CHECK(r.err.find("--strategy in-place") != std::string::npos);
    CHECK(read_file(db) == bytes);
    CHECK(folder.names() == std::vector<std::string>{"s.db"});
    CHECK(run_unprivileged({"compact", "--rev", "7", "--strategy", "in-place", db}).code == 0);
    CHECK(stat_of(db).st_uid == 0);
    CHECK((stat_of(db).st_mode & 07777) == 0666);
}

TEST_CASE("privileges: a user without any compacts a store of their own") {
    if (!can_be_unprivileged()) return;
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, sample_history().row_list(), {.wal = true});
    if (::geteuid() == 0) {
        REQUIRE(::chown(folder.path().c_str(), k_nobody, k_nobody) == 0);
        REQUIRE(::chown(db.c_str(), k_nobody, k_nobody) == 0);
    }
    const uid_t owner = stat_of(db).st_uid;
    const Result r = run_unprivileged(
        {"compact", "--rev", "7", "--strategy", "rewrite", "--vacuum", "--backup", folder.file("b.db"), db});
    REQUIRE_MESSAGE(r.code == 0, r.err);
    CHECK(stat_of(db).st_uid == owner);
    CHECK(folder.names() == std::vector<std::string>{"b.db", "s.db"});
}

TEST_CASE("privileges: reading needs nothing but read access, also on a read-only folder with a -wal left") {
    if (!can_be_unprivileged()) return;
    for (const bool kine : {false, true}) {
        for (const bool wal_left : {false, true}) {
            CAPTURE(kine);
            CAPTURE(wal_left);
            const TempDir folder;
            const TempDir out;
            const std::string db = folder.file("s.db");
            if (kine) {
                random_kine(3, 60, false).write(db, {.wal = wal_left});
                if (wal_left) leave_wal(db, "UPDATE kine SET value = zeroblob(99) WHERE id = 20");
            } else {
                make_native(db, long_history(60, 7).row_list(), {.wal = wal_left, .raft = true});
                if (wal_left) leave_wal(db, "UPDATE revision SET value = zeroblob(99) WHERE main = 20");
            }
            REQUIRE(::chmod(db.c_str(), 0444) == 0);
            if (wal_left) REQUIRE(::chmod((db + "-wal").c_str(), 0444) == 0);
            REQUIRE(::chmod(folder.path().c_str(), 0555) == 0);
            REQUIRE(::chmod(out.path().c_str(), 0777) == 0);
            const std::string before = content(folder);
            std::vector<Args> commands{{"status"},
                                       {"du"},
                                       {"get", "", "--prefix"},
                                       {"history", "k"},
                                       {"index"},
                                       {"explain", "k"},
                                       {"check"},
                                       {"export"},
                                       {"compact", "--rev", "30", "-n"},
                                       {"compact", "--rev", "30", "-n", "--vacuum", "--list"},
                                       {"vacuum", "-n"},
                                       {"import", "-o", out.file("import.db")}};
            // A copy has the store's owner, which only root can give away.
            const bool own = stat_of(db).st_uid == (::geteuid() == 0 ? k_nobody : ::geteuid());
            if (own) commands.push_back({"compact", "--rev", "30", "-o", out.file("out.db")});
            if (!kine) commands.insert(commands.end(), {{"raft"}, {"hash"}});
            for (Args& command : commands) {
                const std::string name = command.front();
                CAPTURE(name);
                command.push_back(db);
                const Result r = run_unprivileged(command);
                CHECK_MESSAGE((r.code == 0 || (r.code == 3 && name == "check")), r.err);
                CHECK(content(folder) == before);
            }
            // What writes says so, and leaves no trace.
            for (const Args& command :
                 std::vector<Args>{{"compact", "--keep-last", "1", db}, {"vacuum", db}}) {
                CHECK(run_unprivileged(command).code == 7);
                CHECK(content(folder) == before);
            }
            REQUIRE(::chmod(folder.path().c_str(), 0755) == 0);
        }
    }
}

TEST_CASE("privileges: no report holds a stored value unless it was asked for") {
    const TempDir folder;
    const std::string secret = "S3cretToken-7f1c";
    const std::string db = folder.file("native.db");
    naive::Store s(naive::k_classic);
    for (int i = 0; i < 30; ++i) {
        s.put("k" + std::to_string(i % 4), secret, i % 3 == 0 ? 5 : 0);
        s.end();
    }
    s.remove("k1");
    s.end();
    make_native(db, s.row_list(), {.raft = true});
    KineMaker maker(true);
    for (int i = 0; i < 30; ++i) maker.put("/k" + std::to_string(i % 4), secret);
    maker.remove("/k1");
    const std::string kine = folder.file("kine.db");
    maker.write(kine);
    const std::string damaged = folder.file("damaged.db");
    make_native(damaged, s.row_list(),
                {.after = "UPDATE revision SET value = CAST(value AS TEXT) WHERE main = 9;"
                          "UPDATE revision SET tombstone = 'S3cretToken-7f1c' WHERE main = 12;"
                          "UPDATE revision SET tombstone = 1 WHERE main = 14"});
    const std::vector<std::string> forms{secret, kvctl::base64_encode(secret),
                                         kvctl::base64_encode("x" + secret).substr(4, 16),
                                         kvctl::base64_encode("xx" + secret).substr(4, 16)};
    int runs = 0;
    for (const std::string& path : {db, kine, damaged}) {
        const std::string key = path == kine ? "/k2" : "k2";
        for (const char* format : {"text", "json", "jsonl"}) {
            for (Args args :
                 std::vector<Args>{{"status", "-v"},
                                   {"du", "-v"},
                                   {"history", key},
                                   {"index"},
                                   {"explain", key},
                                   {"check", "-v"},
                                   {"hash"},
                                   {"raft"},
                                   {"compact", "-n", "--rev", "20", "-v", "--list"},
                                   {"compact", "-n", "--rev", "20", "--vacuum"},
                                   {"compact", "--rev", "20", "-v", "--backup", folder.file("b.db")},
                                   {"compact", "--rev", "25", "-v", "--list", "-o", folder.file("o.db")},
                                   {"vacuum", "-n"},
                                   {"vacuum", "-v"},
                                   {"import", "-v", "-o", folder.file("i.db")},
                                   {"replay", "-n", path}}) {
                args.insert(args.end(), {"-w", format, path});
                const Result r = run_binary(args);
                ++runs;
                for (const std::string& form : forms) {
                    const bool shown =
                        r.out.find(form) != std::string::npos || r.err.find(form) != std::string::npos;
                    CHECK_MESSAGE(!shown, args.front() << " -w " << format << " " << path);
                }
                for (const char* made : {"b.db", "o.db", "i.db"}) fs::remove(folder.file(made));
            }
        }
    }
    CHECK(runs == 3 * 3 * 16);
    // The search itself finds what is shown on request.
    CHECK(run_binary({"get", "k2", db}).out.find(secret) != std::string::npos);
}
