#include "kvctl/raftlog/table.hpp"

#include <doctest/doctest.h>

#include "kvctl/sqlite/database.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/raft_log.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;

namespace {

constexpr const char* k_schema =
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE raft_entry (idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, type INTEGER NOT NULL, data "
    "BLOB);";

void make(const std::string& path, const std::string& rows) {
    auto db = sqlite::Database::open(path, sqlite::Database::Mode::create);
    db.exec(k_schema + rows);
}

}  // namespace

TEST_CASE("raft log table: entries and counters of a native store") {
    TempDir dir;
    make(dir.file("store"),
         "INSERT INTO meta VALUES ('consistent_index', 7), ('raft_snapshot_index', 4),"
         " ('raft_snapshot_term', 2), ('raft_term', 3), ('raft_vote', -2), ('raft_commit', 7);"
         "INSERT INTO raft_entry VALUES (7, 3, 1, x'0801'), (5, 2, 0, NULL), (6, 3, 0, x'');");
    for (int round = 0; round < 2; ++round) {
        auto source = raftlog::open_table(dir.file("store"), 1000);
        const raftlog::Header& h = source->header();
        CHECK(h.snapshot == raft::Dummy{LogIndex{4}, Term{2}});
        CHECK(h.snapshot_stored);
        CHECK(h.consistent_index == LogIndex{7});
        CHECK(h.hard_state == raft::HardState{Term{3}, 0xFFFFFFFFFFFFFFFE, LogIndex{7}});
        const ReadLog log = read_log(*source);
        CHECK(positions(log) == "5/2 6/3 7/3");
        CHECK(requests(log) == "empty empty conf_change");
        CHECK_FALSE(log.entries[0].data_present);
        CHECK(log.entries[1].data_present);
        CHECK(log.findings.empty());
        source.reset();
        // The second time with the file in WAL mode.
        auto db = sqlite::Database::open(dir.file("store"), sqlite::Database::Mode::write);
        if (round == 0) CHECK(db.text("PRAGMA journal_mode=WAL") == "wal");
    }
}

TEST_CASE("raft log table: indexes beyond 2^63 come last") {
    TempDir dir;
    make(dir.file("store"),
         "INSERT INTO raft_entry VALUES (-1, -1, 0, NULL), (9223372036854775807, 1, 0, NULL),"
         " (-9223372036854775808, 1, 0, NULL);");
    const auto source = raftlog::open_table(dir.file("store"), 1000);
    CHECK(positions(read_log(*source)) ==
          "9223372036854775807/1 9223372036854775808/1 18446744073709551615/18446744073709551615");
}

TEST_CASE("raft log table: without counters the log begins at its first entry") {
    TempDir dir;
    make(dir.file("one"), "INSERT INTO raft_entry VALUES (1, 1, 0, NULL);");
    make(dir.file("six"), "INSERT INTO raft_entry VALUES (6, 1, 0, NULL);");
    make(dir.file("none"), "");
    CHECK(raftlog::open_table(dir.file("one"), 1000)->header().snapshot == raft::Dummy{LogIndex{0}, Term{0}});
    CHECK(raftlog::open_table(dir.file("six"), 1000)->header().snapshot ==
          raft::Dummy{LogIndex{5}, std::nullopt});
    CHECK(raftlog::open_table(dir.file("none"), 1000)->header().snapshot ==
          raft::Dummy{LogIndex{0}, Term{0}});
    CHECK_FALSE(raftlog::open_table(dir.file("one"), 1000)->header().hard_state.has_value());
}

TEST_CASE("raft log table: rows of the wrong type are findings") {
    TempDir dir;
    make(dir.file("store"),
         "INSERT INTO meta VALUES ('raft_commit', 'many');"
         "INSERT INTO raft_entry VALUES (1, 'one', 0, NULL), (2, 1, 'x', NULL), (3, 1, 9, NULL),"
         " (4, 1, 0, 'text'), (5, 1, -1, NULL), (6, 1, 0, NULL);");
    const auto source = raftlog::open_table(dir.file("store"), 1000);
    for (int round = 0; round < 2; ++round) {
        const ReadLog log = read_log(*source);
        CHECK(positions(log) == "6/1");
        CHECK(codes(log.findings) ==
              "bad-meta-row bad-raft-row bad-raft-row bad-raft-row bad-raft-row bad-raft-row");
    }
}

TEST_CASE("raft log table: a store without a log is none") {
    TempDir dir;
    {
        auto db = sqlite::Database::open(dir.file("store"), sqlite::Database::Mode::create);
        db.exec("CREATE TABLE revision (main INTEGER)");
        CHECK_FALSE(raftlog::has_table(db));
    }
    check_error(ErrorKind::not_a_store, "no table raft_entry",
                [&] { (void)raftlog::open_table(dir.file("store"), 1000); });
}
