#include "kvctl/raftlog/dump_text.hpp"

#include <doctest/doctest.h>

#include "tests/support/check_error.hpp"
#include "tests/support/raft_log.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;

namespace {

const std::string k_metadata =
    "WAL metadata:\nnodeID=8e2f0c clusterID=77a1 term=3 commitIndex=6 vote=8e2f0c\n";
const std::string k_titles = "term\t     index\ttype\tdata\n";

std::string dump(const std::string& entries, const std::string& trailer) {
    return "Snapshot:\nempty\nStart dumping log entries from snapshot.\n" + k_metadata +
           "WAL entries: 6\nlastIndex=6\n" + k_titles + entries + trailer;
}

ReadLog read(const TempDir& dir, const std::string& text) {
    write_file(dir.file("dump"), text);
    return read_log(*raftlog::open_dump_text(dir.file("dump")));
}

}  // namespace

TEST_CASE("raft log dump text: a whole dump") {
    TempDir dir;
    write_file(
        dir.file("dump"),
        dump("   1\t         1\tconf\tmethod=ConfChangeAddNode id=8e2f0c\n"
             "   2\t         2\tnorm\t\n"
             "   2\t         3\tnorm\theader:<ID:901 > put:<key:\"txn:<\\\" \" value:\"\\001x\" lease:77 > \n"
             "   2\t         4\tnorm\theader:<ID:902 > txn:<success:<request_put:<key:\"a>\" > > > \n"
             "   2\t         5\tnorm\tmethod=PUT path=\"/0/version\" val=\"3.4.0\"\n"
             "   3\t         6\tnorm\theader:<ID:904 username:\"root\" > lease_revoke:<ID:77 > \n",
             "\nEntry types (Normal,ConfigChange) count is : 6\n"));
    const auto source = raftlog::open_dump_text(dir.file("dump"));
    const raftlog::Header& h = source->header();
    CHECK(h.snapshot == raft::Dummy{LogIndex{0}, Term{0}});
    CHECK(h.hard_state == raft::HardState{Term{3}, 0x8e2f0c, LogIndex{6}});
    CHECK(h.node_id == 0x8e2f0c);
    CHECK(h.cluster_id == 0x77a1);
    CHECK_FALSE(h.filtered);
    CHECK_FALSE(h.has_data);
    const ReadLog log = read_log(*source);
    CHECK(positions(log) == "1/1 2/2 3/2 4/2 5/2 6/3");
    CHECK(requests(log) == "conf_change empty put txn v2 lease_revoke");
    CHECK(log.facts[0].type == raft::EntryType::conf_change);
    CHECK_FALSE(log.facts[0].bytes.has_value());
    CHECK(codes(log.findings).empty());
}

TEST_CASE("raft log dump text: which request a printed one is") {
    struct Row {
        std::string text;
        std::string kind;
    };
    for (const Row& row :
         std::vector<Row>{{"", "empty"},
                          {"noop", "v2"},
                          {"v2 request", "v2"},
                          {"method=SYNC time=\"x\"", "v2"},
                          {"method=QGET path=\"/x\"", "v2"},
                          {"???", "undecodable"},
                          {"header:<ID:1 > compaction:<revision:3 physical:true > ", "compaction"},
                          {"header:{ID:1}  compaction:{revision:3  physical:true}", "compaction"},
                          {"header:{ID:1 username:\"}\"} delete_range:{key:\"a\"}", "delete_range"},
                          {"ID:7 lease_grant:<TTL:2 ID:3 > ", "lease_grant"},
                          {"header:<ID:1 > auth_enable:<> ", "auth_enable"},
                          {"header:<ID:1 > cluster_version_set:<ver:\"3.5.0\" > ", "cluster_version_set"},
                          {"header:<ID:1 > put:<key:\"a\" > \tOK\tdecoded", "put"},
                          {"\tERROR:x\t", "empty"},
                          {"header:<ID:1 > ", "unknown"},
                          {"header:<ID:1 > something_new:<x:1 > ", "unknown"},
                          {"header:<ID:1", "undecodable"},
                          {"header:<name:\"open > put:<key:\"a\" > ", "undecodable"}}) {
        CAPTURE(row.text);
        CHECK(raft::name_of(raftlog::kind_of_printed("norm", row.text)) == row.kind);
    }
    CHECK(raftlog::kind_of_printed("conf", "method=ConfChangeAddNode id=1") ==
          raft::RequestKind::conf_change);
    CHECK(raftlog::kind_of_printed("conf", "???") == raft::RequestKind::undecodable);
}

TEST_CASE("raft log dump text: a filtered dump says so in its last line") {
    TempDir dir;
    const std::string entries = "   2\t         3\tnorm\tput:<key:\"a\" > \n";
    for (const auto& [filter, filtered] :
         std::initializer_list<std::pair<std::string, bool>>{{"", false},
                                                             {"Normal,ConfigChange", false},
                                                             {"ConfigChange,Normal", false},
                                                             {"Normal", true},
                                                             {"IRRPut", true},
                                                             {"IRRNormal,ConfigChange", true}}) {
        CAPTURE(filter);
        write_file(dir.file("dump"), dump(entries, "\nEntry types (" + filter + ") count is : 1"));
        const auto source = raftlog::open_dump_text(dir.file("dump"));
        CHECK(source->header().filtered == filtered);
        CHECK(codes(read_log(*source).findings).empty());
    }
}

TEST_CASE("raft log dump text: the preambles of other releases") {
    TempDir dir;
    write_file(dir.file("snapshot"),
               "Snapshot:\nterm=3 index=505 nodes=[1b]\nStart dupmping log entries from snapshot.\n" +
                   k_metadata + "WAL entries:\nlastIndex=506\n" + k_titles +
                   "   3\t       506\tnorm\t\n\nEntry types () count is : 1");
    const auto old = raftlog::open_dump_text(dir.file("snapshot"));
    CHECK(old->header().snapshot == raft::Dummy{LogIndex{505}, Term{3}});
    CHECK(positions(read_log(*old)) == "506/3");
    write_file(dir.file("newer"),
               "Snapshot:\nterm=3 index=5 nodes=[1b] confstate={\"voters\":[1]}\n"
               "Start dumping log entries from snapshot.\n" +
                   k_metadata + "WAL entries: 0\n" +
                   "term\t     index\ttype\tdata\tdecoder_status\tdecoded_data\n"
                   "\nEntry types (Normal,ConfigChange) count is : 0\n");
    const auto newer = raftlog::open_dump_text(dir.file("newer"));
    CHECK(newer->header().snapshot == raft::Dummy{LogIndex{5}, Term{3}});
    CHECK(positions(read_log(*newer)).empty());
    write_file(dir.file("from index"), "Start dumping log entries from index 7.\n" + k_metadata +
                                           "WAL entries:\nlastIndex=9\n" + k_titles +
                                           "   3\t         8\tnorm\t\n   3\t         9\tnorm\t\n");
    const auto index = raftlog::open_dump_text(dir.file("from index"));
    CHECK(index->header().snapshot == raft::Dummy{LogIndex{7}, std::nullopt});
    CHECK_FALSE(index->header().snapshot_stored);
    CHECK(codes(read_log(*index).findings).empty());
}

TEST_CASE("raft log dump text: damage") {
    TempDir dir;
    const std::string one = "   2\t         6\tnorm\t\n";
    CHECK(codes(read(dir, dump(one + "   2\t  rubbish\n", "\nEntry types () count is : 1")).findings) ==
          "undecodable-line");
    CHECK(codes(read(dir, dump(one, "\nEntry types () count is : 5")).findings) == "count-mismatch");
    CHECK(codes(read(dir, dump("   2\t         3\tnorm\t\n", "")).findings) == "torn-tail");
    CHECK(codes(read(dir, dump(one, "")).findings).empty());
    check_error(ErrorKind::damaged, "ends before its column titles",
                [&] { read(dir, "Snapshot:\nempty\n" + k_metadata); });
    check_error(ErrorKind::damaged, "line 2: expected term=N index=N",
                [&] { read(dir, "Snapshot:\nterm=x\n"); });
    check_error(ErrorKind::damaged, "line 2: expected nodeID",
                [&] { read(dir, "WAL metadata:\nnodeID=1 \n"); });
}
