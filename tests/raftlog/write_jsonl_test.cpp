#include "kvctl/raftlog/write_jsonl.hpp"

#include <doctest/doctest.h>

#include <filesystem>

#include "kvctl/raftlog/jsonl.hpp"
#include "kvctl/raftlog/open.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/raft_log.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;

namespace {

const std::string k_log =
    R"({"format":"kvctl.raftlog/1","hard_state":{"term":2,"vote":18446744073709551615,"commit":4},"snapshot":{"index":1,"term":1}})"
    "\n"
    R"({"index":2,"term":1,"type":"EntryNormal"})"
    "\n"
    R"({"index":3,"term":2,"type":"EntryConfChange","data":"CAE="})"
    "\n"
    R"({"index":4,"term":2,"type":"EntryNormal","data":""})"
    "\n";

}  // namespace

TEST_CASE("raft log writing: what is written reads back the same, byte for byte") {
    TempDir dir;
    write_file(dir.file("log"), k_log);
    const auto source = raftlog::open_jsonl(dir.file("log"));
    const auto copied = raftlog::write_compacted(*source, LogIndex{1}, dir.file("copy"));
    CHECK(read_file(dir.file("copy")) == k_log);
    CHECK(copied.removed_entries == 0);
    CHECK(copied.after.entries == 3);
}

TEST_CASE("raft log writing: compacted at an entry") {
    TempDir dir;
    write_file(dir.file("log"), k_log);
    const auto source = raftlog::open_jsonl(dir.file("log"));
    const auto result = raftlog::write_compacted(*source, LogIndex{3}, dir.file("new"));
    CHECK(result.removed_entries == 2);
    CHECK(result.after.entries == 1);
    const auto written = raftlog::open_jsonl(dir.file("new"));
    CHECK(written->header().snapshot == raft::Dummy{LogIndex{3}, Term{2}});
    CHECK(written->header().hard_state == source->header().hard_state);
    CHECK(positions(read_log(*written)) == "4/2");
    const auto all = raftlog::write_compacted(*source, LogIndex{4}, dir.file("nothing left"));
    CHECK(all.after.entries == 0);
    const auto empty = raftlog::open_jsonl(dir.file("nothing left"));
    CHECK(empty->header().snapshot == raft::Dummy{LogIndex{4}, Term{2}});
}

TEST_CASE("raft log writing: refusals leave no file, and an existing one as it is") {
    TempDir dir;
    write_file(dir.file("log"), k_log);
    const auto source = raftlog::open_jsonl(dir.file("log"));
    check_error(ErrorKind::refused, "holds no entry 9",
                [&] { raftlog::write_compacted(*source, LogIndex{9}, dir.file("new")); });
    CHECK_FALSE(std::filesystem::exists(dir.file("new")));
    write_file(dir.file("there"), "mine");
    check_error(ErrorKind::refused, "exists already",
                [&] { raftlog::write_compacted(*source, LogIndex{3}, dir.file("there")); });
    CHECK(read_file(dir.file("there")) == "mine");
    write_file(dir.file("dump"),
               "Snapshot:\nempty\nterm\t     index\ttype\tdata\n   1\t         1\tnorm\t\n");
    const auto text = raftlog::open(dir.file("dump"));
    check_error(ErrorKind::refused, "--raw",
                [&] { raftlog::write_compacted(*text, LogIndex{1}, dir.file("new")); });
    CHECK_FALSE(std::filesystem::exists(dir.file("new")));
    check_error(ErrorKind::io, "no such folder",
                [&] { raftlog::write_compacted(*source, LogIndex{3}, dir.file("no such folder/new")); });
}

TEST_CASE("raft log writing: damage found half way removes the new file") {
    TempDir dir;
    write_file(dir.file("log"), k_log + "{\"index\":5,\"ter\n");
    const auto source = raftlog::open_jsonl(dir.file("log"));
    check_error(ErrorKind::damaged, "line 5",
                [&] { raftlog::write_compacted(*source, LogIndex{2}, dir.file("new")); });
    CHECK(dir.names() == std::vector<std::string>{"log"});
}
