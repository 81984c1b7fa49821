#include "kvctl/raftlog/open.hpp"

#include <doctest/doctest.h>

#include <filesystem>

#include "kvctl/sqlite/database.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/wal_writer.hpp"

using namespace kvctl;
using namespace kvctl::test;

TEST_CASE("raft log open: a source is told by its content, whatever its name") {
    TempDir dir;
    write_file(dir.file("a.db"), "\n {\"index\":1,\"term\":1}");
    write_file(dir.file("b.db"), "Start dumping log entries from index 3.\nterm\t     index\ttype\tdata\n");
    write_file(dir.file("c.db"), "CRC: 0\n");
    {
        auto db = sqlite::Database::open(dir.file("d.txt"), sqlite::Database::Mode::create);
        db.exec("CREATE TABLE raft_entry (idx INTEGER PRIMARY KEY, term INTEGER, type INTEGER, data BLOB)");
    }
    WalWriter wal(dir.file("e/member/wal"));
    const auto kind = [&](const std::string& name) {
        return std::string(raftlog::name_of(raftlog::open(dir.file(name))->header().kind));
    };
    CHECK(kind("a.db") == "jsonl");
    CHECK(kind("b.db") == "dump-logs");
    CHECK(kind("c.db") == "dump-logs-raw");
    CHECK(kind("d.txt") == "store");
    CHECK(kind("e") == "wal");
    CHECK(kind("e/member/wal") == "wal");
    check_error(ErrorKind::not_a_store, "name the directory", [&] { (void)raftlog::open(wal.path()); });
}

TEST_CASE("raft log open: what is no log") {
    TempDir dir;
    write_file(dir.file("empty"), "");
    write_file(dir.file("other"), "hello");
    check_error(ErrorKind::not_a_store, "an empty file", [&] { (void)raftlog::open(dir.file("empty")); });
    check_error(ErrorKind::not_a_store, "no raft log", [&] { (void)raftlog::open(dir.file("other")); });
    check_error(ErrorKind::not_a_store, "no .wal files", [&] { (void)raftlog::open(dir.path().string()); });
    check_error(ErrorKind::io, dir.file("absent"), [&] { (void)raftlog::open(dir.file("absent")); });
    check_error(ErrorKind::io, "not a regular file", [&] { (void)raftlog::open("/dev/null"); });
}
