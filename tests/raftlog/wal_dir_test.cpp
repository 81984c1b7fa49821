#include "kvctl/raftlog/wal_dir.hpp"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/support/check_error.hpp"
#include "tests/support/raft_log.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/wal_writer.hpp"

using namespace kvctl;
using namespace kvctl::test;

namespace {

const std::string k_put = "\x22\x03\x0a\x01k";

// One byte of a file, changed.
void flip(const std::string& path, std::uint64_t offset) {
    std::string bytes = read_file(path);
    bytes.at(static_cast<std::size_t>(offset)) ^= 0x10;
    write_file(path, bytes);
}

struct Dir {
    TempDir temp;
    std::string wal = temp.file("member/wal");
    std::string snap = temp.file("member/snap");
};

ReadLog read(const Dir& dir, raftlog::Header* header = nullptr) {
    const auto source = raftlog::open_wal_dir(dir.wal);
    if (header != nullptr) *header = source->header();
    return read_log(*source);
}

}  // namespace

TEST_CASE("raft log wal: entries, hard state and snapshots over several segments") {
    Dir dir;
    WalWriter w(dir.wal);
    w.entry(1, 1, "\x08\x01", raft::EntryType::conf_change);
    w.entry(2, 2);
    w.hard_state(2, 9, 2);
    w.cut(3);
    w.entry(3, 2, k_put);
    w.entry(4, 3, k_put);
    w.hard_state(3, 9, 4);
    w.snapshot(3, 2);
    w.cut(5);
    w.entry(5, 3, k_put);
    w.zeros(4096);
    write_snap_file(dir.snap, 3, 2);
    for (const std::string& path : {dir.wal, dir.temp.file("member"), dir.temp.path().string()}) {
        CHECK(raftlog::find_wal_dir(path) == dir.wal);
    }
    raftlog::Header h;
    const ReadLog log = read(dir, &h);
    CHECK(positions(log) == "1/1 2/2 3/2 4/3 5/3");
    CHECK(requests(log) == "conf_change empty put put put");
    CHECK(log.entries[4].data == k_put);
    CHECK(log.findings.empty());
    CHECK(h.snapshot == raft::Dummy{LogIndex{0}, Term{0}});
    CHECK(h.newest_snapshot == raft::SnapshotMeta{LogIndex{3}, Term{2}});
    CHECK(h.hard_state == raft::HardState{Term{3}, 9, LogIndex{4}});
    CHECK(h.node_id == 0xABCD);
    CHECK(h.cluster_id == 0x1234);
    for (const auto& e : log.facts)
        CHECK(e.bytes == raft::encoded_size(log.entries[e.index.value() - 1].view()));
}

TEST_CASE("raft log wal: a later entry replaces the stored one and everything behind it") {
    Dir dir;
    WalWriter w(dir.wal);
    for (std::uint64_t i = 1; i <= 5; ++i) w.entry(i, 1, k_put);
    w.hard_state(1, 9, 2);
    w.entry(3, 2);
    w.entry(4, 2);
    const ReadLog log = read(dir);
    CHECK(positions(log) == "1/1 2/1 3/2 4/2");
    CHECK(log.findings.empty());
    w.entry(2, 3);
    const ReadLog over = read(dir);
    CHECK(positions(over) == "1/1 2/3");
    CHECK(codes(over.findings) == "overwrites-committed");
}

TEST_CASE("raft log wal: the log begins behind the oldest snapshot record that reaches the end") {
    Dir dir;
    WalWriter w(dir.wal);
    for (std::uint64_t i = 1; i <= 3; ++i) w.entry(i, 1, k_put);
    w.snapshot(10, 2);  // a snapshot from the leader: entries 4 to 10 never came
    w.entry(11, 2, k_put);
    w.entry(12, 2, k_put);
    w.snapshot(11, 2);
    w.hard_state(2, 9, 12);
    raftlog::Header h;
    const ReadLog log = read(dir, &h);
    CHECK(positions(log) == "11/2 12/2");
    CHECK(h.snapshot == raft::Dummy{LogIndex{10}, Term{2}});
    CHECK(h.newest_snapshot == raft::SnapshotMeta{LogIndex{11}, Term{2}});
}

TEST_CASE("raft log wal: a snapshot above the commit is not used") {
    Dir dir;
    WalWriter w(dir.wal);
    w.entry(1, 1);
    w.entry(2, 1);
    w.hard_state(1, 9, 1);
    w.snapshot(2, 1);
    raftlog::Header h;
    CHECK(positions(read(dir, &h)) == "1/1 2/1");
    CHECK(h.newest_snapshot == raft::SnapshotMeta{LogIndex{0}, Term{0}});
}

TEST_CASE("raft log wal: old segments that are gone leave no snapshot record at the front") {
    Dir dir;
    WalWriter w(dir.wal);
    const std::string first = w.path();
    w.entry(1, 1);
    w.cut(2);
    w.entry(2, 1);
    w.hard_state(1, 9, 2);
    std::filesystem::remove(first);
    raftlog::Header h;
    const ReadLog log = read(dir, &h);
    CHECK(positions(log) == "2/1");
    CHECK(log.findings.empty());
    CHECK_FALSE(h.snapshot_stored);
    CHECK(h.expect_snapshot_record);
    CHECK(h.snapshot == raft::Dummy{LogIndex{1}, std::nullopt});
}

TEST_CASE("raft log wal: a damaged record is found at its offset and the others are still read") {
    Dir dir;
    WalWriter w(dir.wal);
    w.entry(1, 1, k_put);
    const std::uint64_t at = w.offset();
    w.entry(2, 1, k_put);
    w.entry(3, 1, k_put);
    w.hard_state(1, 9, 3);
    w.cut(4);
    w.entry(4, 1, k_put);
    flip(dir.wal + "/0000000000000000-0000000000000000.wal", at + 8 + 20);
    const ReadLog log = read(dir);
    CHECK(positions(log) == "1/1 2/1 3/1 4/1");
    REQUIRE(codes(log.findings) == "crc-mismatch");
    CHECK(log.findings[0].where ==
          dir.wal + "/0000000000000000-0000000000000000.wal, offset " + std::to_string(at));
}

TEST_CASE("raft log wal: a damaged entry never cuts off sound ones") {
    Dir dir;
    WalWriter w(dir.wal);
    for (std::uint64_t i = 1; i <= 5; ++i) w.entry(i, 1, k_put);
    std::string message;
    raft::append_encoded(message, {LogIndex{2}, Term{1}, {}, k_put, true});
    w.record(2, message, 1);
    w.entry(6, 1, k_put);
    w.zeros(1024);
    const ReadLog log = read(dir);
    CHECK(positions(log) == "1/1 2/1 3/1 4/1 5/1 6/1");
    CHECK(codes(log.findings) == "crc-mismatch");
}

TEST_CASE("raft log wal: torn tails") {
    SUBCASE("a file that ends inside a record") {
        Dir dir;
        WalWriter w(dir.wal);
        w.entry(1, 1, k_put);
        const std::uint64_t at = w.offset();
        w.entry(2, 1, k_put);
        std::filesystem::resize_file(w.path(), at + 17);
        const ReadLog log = read(dir);
        CHECK(positions(log) == "1/1");
        REQUIRE(codes(log.findings) == "torn-tail");
        CHECK(log.findings[0].where == w.path() + ", offset " + std::to_string(at));
    }
    SUBCASE("a file that ends inside a length") {
        Dir dir;
        WalWriter w(dir.wal);
        w.entry(1, 1, k_put);
        w.raw("\x10\x01\x02");
        CHECK(codes(read(dir).findings) == "torn-tail");
    }
    SUBCASE("a sector that was never written") {
        Dir dir;
        WalWriter w(dir.wal);
        w.entry(1, 1, k_put);
        const std::uint64_t at = w.offset();
        w.entry(2, 1, std::string(3000, 'x'));
        std::string bytes = read_file(w.path());
        std::fill(bytes.begin() + 1024, bytes.begin() + 1536, '\0');
        write_file(w.path(), bytes);
        const ReadLog log = read(dir);
        CHECK(positions(log) == "1/1");
        REQUIRE(codes(log.findings) == "torn-tail");
        CHECK(log.findings[0].where == w.path() + ", offset " + std::to_string(at));
    }
    SUBCASE("in a segment that is not the last it is no tail") {
        Dir dir;
        WalWriter w(dir.wal);
        w.entry(1, 1, k_put);
        w.entry(2, 1, k_put);
        const std::string first = w.path();
        w.cut(3);
        w.entry(3, 1, k_put);
        std::filesystem::resize_file(first, std::filesystem::file_size(first) - 3);
        const ReadLog log = read(dir);
        CHECK(positions(log) == "1/1 3/1");
        CHECK(codes(log.findings) == "unexpected-end");
    }
}

TEST_CASE("raft log wal: a length beyond the file, and one beyond everything") {
    Dir dir;
    WalWriter w(dir.wal);
    w.entry(1, 1, k_put);
    w.raw(std::string("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00", 8) + "rest");
    CHECK(codes(read(dir).findings) == "torn-tail");
}

TEST_CASE("raft log wal: what else can be wrong") {
    SUBCASE("a missing segment") {
        Dir dir;
        WalWriter w(dir.wal);
        w.entry(1, 1, k_put);
        w.cut(2);
        w.entry(2, 1, k_put);
        const std::string middle = w.path();
        w.cut(3);
        w.entry(3, 1, k_put);
        std::filesystem::remove(middle);
        const ReadLog log = read(dir);
        CHECK(positions(log) == "1/1 3/1");
        CHECK(codes(log.findings) == "missing-segment");
    }
    SUBCASE("an empty segment") {
        Dir dir;
        WalWriter w(dir.wal);
        write_file(dir.wal + "/0000000000000001-0000000000000001.wal", "");
        CHECK(codes(read(dir).findings) == "empty-segment");
    }
    SUBCASE("two members' records") {
        Dir dir;
        WalWriter w(dir.wal);
        w.record(1, "\x08\x01\x10\x02");
        CHECK(codes(read(dir).findings) == "conflicting-metadata");
    }
    SUBCASE("records that do not decode, and of an unknown type") {
        Dir dir;
        WalWriter w(dir.wal);
        w.record(2, "\x08\x09");  // entry type 9
        w.record(3, "\x0a");
        w.record(5, "\x0a");
        w.record(77, "");
        CHECK(codes(read(dir).findings) ==
              "undecodable-record undecodable-record undecodable-record unknown-record");
    }
    SUBCASE("a snapshot record of another term than the entry") {
        Dir dir;
        WalWriter w(dir.wal);
        w.entry(1, 1);
        w.snapshot(1, 2);
        CHECK(codes(read(dir).findings) == "snapshot-term-mismatch");
    }
}

TEST_CASE("raft log wal: .snap files") {
    Dir dir;
    WalWriter w(dir.wal);
    for (std::uint64_t i = 1; i <= 5; ++i) w.entry(i, 1, k_put);
    w.hard_state(1, 9, 5);
    w.snapshot(2, 1);
    w.snapshot(4, 1);
    write_snap_file(dir.snap, 2, 1);
    raftlog::Header h;
    SUBCASE("a record without its file does not count when there are files") {
        CHECK(read(dir, &h).findings.empty());
        CHECK(h.newest_snapshot == raft::SnapshotMeta{LogIndex{2}, Term{1}});
    }
    SUBCASE("a damaged file is passed over") {
        write_snap_file(dir.snap, 4, 1, false);
        CHECK(codes(read(dir, &h).findings) == "snap-crc-mismatch");
        CHECK(h.newest_snapshot == raft::SnapshotMeta{LogIndex{2}, Term{1}});
    }
    SUBCASE("a file without a record is an orphan") {
        write_snap_file(dir.snap, 5, 1);
        CHECK(codes(read(dir, &h).findings) == "orphan-snap");
        CHECK(h.newest_snapshot == raft::SnapshotMeta{LogIndex{2}, Term{1}});
    }
    SUBCASE("an empty file, a misnamed one, and names that are none") {
        write_file(dir.snap + "/0000000000000001-0000000000000004.snap", "");
        std::filesystem::copy_file(dir.snap + "/0000000000000001-0000000000000002.snap",
                                   dir.snap + "/0000000000000001-0000000000000003.snap");
        write_file(dir.snap + "/0000000000000001-0000000000000003.snap.broken", "x");
        write_file(dir.snap + "/db", "x");
        CHECK(codes(read(dir, &h).findings) == "orphan-snap snap-empty snap-misnamed");
        CHECK(h.newest_snapshot == raft::SnapshotMeta{LogIndex{2}, Term{1}});
    }
}

TEST_CASE("raft log wal: an entry has the size that its writer made of it; 3.7 leaves a type of 0 out") {
    Dir dir;
    WalWriter w(dir.wal);
    w.record(2, std::string("\x10\x01\x18\x01", 4));              // no type
    w.record(2, std::string("\x10\x01\x18\x02\x98\x06\x01", 7));  // an unknown field: longer than ours
    const ReadLog log = read(dir);
    REQUIRE(log.facts.size() == 2);
    CHECK(log.facts[0].bytes == 4);
    CHECK(log.facts[1].bytes == 7);
}
