#include <doctest/doctest.h>

#include "kvctl/raftlog/dump_text.hpp"
#include "tests/support/raft_log.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;

TEST_CASE("raft log raw dump: records in journal order, data unescaped") {
    TempDir dir;
    write_file(dir.file("dump"),
               "CRC: 0\n"
               "Metadata: NodeID:10276657743932975437 ClusterID:14841639068965178418 \n"
               "Snapshot: \n"
               "Entry: Term:1 Index:1 Type:EntryConfChange Data:\"\\010\\000\\020\\000\" \n"
               "Entry: Term:2 Index:2 \n"
               "HardState: term:2 vote:7 commit:2 \n"
               "Entry: Term:2 Index:3 Data:\"\\\"\\n\\\\\\x41\" \n"
               "Entry: Term:2 Index:4 Data:\"\\\"\\003\\n\\001k\" \n"
               "Entry: Term:3 Index:3 Data:\"\\\"\\003\\n\\001k\" \n"
               "HardState: term:3 vote:7 commit:3 \n"
               "EOF: All entries were processed.\n");
    const auto source = raftlog::open_dump_raw(dir.file("dump"));
    CHECK(source->header().snapshot == raft::Dummy{LogIndex{0}, Term{0}});
    CHECK(source->header().snapshot_stored);
    CHECK(source->header().hard_state == raft::HardState{Term{3}, 7, LogIndex{3}});
    CHECK(source->header().node_id == 10276657743932975437U);
    CHECK(source->header().has_data);
    for (const auto want : {raftlog::Want::facts, raftlog::Want::data}) {
        const ReadLog log = read_log(*source, want);
        CHECK(positions(log) == "1/1 2/2 3/3");
        CHECK(requests(log) == "conf_change empty put");
        CHECK(log.findings.empty());
        CHECK(log.facts[0].bytes == 12);
        CHECK(log.facts[1].bytes == 6);
        if (want == raftlog::Want::data) CHECK(log.entries[2].data == "\"\x03\n\x01k");
    }
}

TEST_CASE("raft log raw dump: damage") {
    TempDir dir;
    write_file(dir.file("dump"),
               "CRC: 0\nSnapshot: index:0 term:0 \nEntry: Term:1 Index:1 \nEntry: Term:1 Ind\n"
               "Entry: Term:1 Index:2 Data:\"\\9\" \n");
    CHECK(codes(raftlog::open_dump_raw(dir.file("dump"))->findings()) ==
          "torn-tail undecodable-line undecodable-line");
    write_file(dir.file("dump"), "Entry: Term:1 Index:7 \nErrUnexpectedEOF: unexpected EOF\n");
    const auto source = raftlog::open_dump_raw(dir.file("dump"));
    CHECK(codes(source->findings()) == "torn-tail");
    CHECK(source->header().snapshot == raft::Dummy{LogIndex{6}, std::nullopt});
    CHECK_FALSE(source->header().expect_snapshot_record);
}

TEST_CASE("raft log raw dump: an entry that etcd's own reading brings back") {
    TempDir dir;
    const std::string begin = "CRC: 0\nMetadata: NodeID:1 ClusterID:2 \nSnapshot: \n";
    const std::string end = "EOF: All entries were processed.\n";
    const std::string old =
        "Entry: Term:1 Index:1 \nEntry: Term:1 Index:2 \nEntry: Term:1 Index:3 \n"
        "Entry: Term:1 Index:4 \nEntry: Term:1 Index:5 \n";
    const std::string newer =
        "Entry: Term:2 Index:3 \nEntry: Term:2 Index:4 \nHardState: term:2 vote:1 commit:4 \n";
    const std::string snapshot = "Snapshot: index:4 term:2 \n";
    const auto found = [&](const std::string& records) {
        write_file(dir.file("dump"), begin + records + end);
        const auto source = raftlog::open_dump_raw(dir.file("dump"));
        CHECK(source->header().snapshot.index == LogIndex{0});
        return source->findings();
    };
    CHECK(found(old + newer).empty());
    const Findings ghosts = found(old + newer + snapshot);
    REQUIRE(codes(ghosts) == "ghost-entry");
    CHECK(
        ghosts[0].what ==
        "a server that starts from the snapshot at 4 brings entry 5 of term 1 back, which a later record had "
        "cut off");
    // Written again, or in a segment that a start from there does not read, it stays away.
    CHECK(found(old + newer + snapshot + "Entry: Term:2 Index:5 \n").empty());
    CHECK(codes(found(old + newer + "CRC: 7\nMetadata: NodeID:1 ClusterID:2 \n" + snapshot)) ==
          "ghost-entry");
    CHECK(found(old +
                "Entry: Term:2 Index:3 \nCRC: 7\nEntry: Term:2 Index:4 \n"
                "HardState: term:2 vote:1 commit:4 \n" +
                snapshot)
              .empty());
}
