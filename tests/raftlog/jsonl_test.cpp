#include "kvctl/raftlog/jsonl.hpp"

#include <doctest/doctest.h>

#include "tests/support/check_error.hpp"
#include "tests/support/raft_log.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;

namespace {

constexpr const char* k_header =
    R"({"format":"kvctl.raftlog/1","hard_state":{"term":2,"vote":1,"commit":12},"snapshot":{"index":4,"term":1}})";

}  // namespace

TEST_CASE("raft log jsonl: a header and both spellings of an entry") {
    TempDir dir;
    write_file(dir.file("log"),
               std::string(k_header) + "\n" +
                   R"({"index":5,"term":1,"type":"EntryConfChange","data":"CAEQ"})"
                   "\n"
                   R"({"Term":2,"Index":6,"Type":0,"Data":null})"
                   "\n\n"
                   R"( {"data" : "" , "TERM":"2", "index":"7"} )"
                   "\r\n"
                   R"({"index":8,"term":18446744073709551615,"type":2,"note":[1,{"a":null}]})");
    const auto source = raftlog::open_jsonl(dir.file("log"));
    CHECK(source->header().hard_state == raft::HardState{Term{2}, 1, LogIndex{12}});
    CHECK(source->header().snapshot == raft::Dummy{LogIndex{4}, Term{1}});
    CHECK(source->header().snapshot_stored);
    for (int round = 0; round < 2; ++round) {
        const ReadLog log = read_log(*source);
        CHECK(positions(log) == "5/1 6/2 7/2 8/18446744073709551615");
        REQUIRE(log.entries.size() == 4);
        CHECK(log.entries[0].type == raft::EntryType::conf_change);
        CHECK(log.entries[0].data == "\x08\x01\x10");
        CHECK_FALSE(log.entries[1].data_present);
        CHECK(log.entries[2].data_present);
        CHECK(log.entries[2].data.empty());
        CHECK(log.entries[3].type == raft::EntryType::conf_change_v2);
        CHECK(log.facts[1].bytes == 6);
        CHECK(log.facts[2].bytes == 8);
    }
}

TEST_CASE("raft log jsonl: without a header the log begins at its first entry") {
    TempDir dir;
    write_file(dir.file("one"), R"({"index":1,"term":1})");
    write_file(dir.file("many"), R"({"index":506,"term":3})"
                                 "\n"
                                 R"({"index":507,"term":3})");
    const auto one = raftlog::open_jsonl(dir.file("one"));
    CHECK(one->header().snapshot == raft::Dummy{LogIndex{0}, Term{0}});
    CHECK_FALSE(one->header().hard_state.has_value());
    const auto many = raftlog::open_jsonl(dir.file("many"));
    CHECK(many->header().snapshot == raft::Dummy{LogIndex{505}, std::nullopt});
    CHECK_FALSE(many->header().snapshot_stored);
    CHECK(positions(read_log(*many)) == "506/3 507/3");
}

TEST_CASE("raft log jsonl: errors name line and column") {
    struct Row {
        std::string line;
        std::string complaint;
    };
    const std::vector<Row> rows = {
        {R"({"index":2,"term":1,"index":2})", "line 2, column 21: a name stands twice"},
        {R"({"index":2,"term":1,"Index":2})", "line 2, column 21: a name stands twice"},
        {R"({"index":2,"term":1,"x":{"a":1,"a":2}})", "line 2, column 32: a name stands twice"},
        {R"({"index":18446744073709551616,"term":1})", "line 2, column 10: the number does not fit"},
        {R"({"index":"99999999999999999999999","term":1})", "line 2, column 10: the number does not fit"},
        {R"({"index":-1,"term":1})", "line 2, column 10: expected an integer"},
        {R"({"index":1.5,"term":1})", "line 2, column 10: expected an integer"},
        {R"({"index":1e3,"term":1})", "line 2, column 10: expected an integer"},
        {R"({"index":01,"term":1})", "line 2, column 10: expected an integer"},
        {R"({"index":true,"term":1})", "line 2, column 10: expected an integer"},
        {R"({"index":,"term":1})", "line 2, column 10: expected an integer"},
        {R"({"index":2,"term":1,"type":3})", "line 2, column 28: an unknown entry type"},
        {R"({"index":2,"term":1,"type":"EntryOdd"})", "line 2, column 28: an unknown entry type"},
        {R"({"index":2,"term":1,"data":"abc"})", "line 2, column 32: invalid base64"},
        {R"({"index":2,"term":1,"data":"ab!d"})", "line 2, column 31: invalid base64"},
        {R"({"index":2,"term":1,"data":"aaaaab=dABCD"})", "line 2, column 35: invalid base64"},
        {R"({"index":2,"term":1,"data":"a==="})", "line 2, column 30: invalid base64"},
        {R"({"index":2,"term":1,"data":"ab=="})", "line 2, column 31: invalid base64"},
        {R"({"index":2,"term":1,"data":"====" })", "line 2, column 29: invalid base64"},
        {R"({"index":2,"term":1,"data":5})", "line 2, column 28: expected a base64 string"},
        {R"({"index":2,"term":1,"data":"YWJj)", "line 2, column 33: the line ends inside a string"},
        {R"({"index":2})", "line 2, column 1: an entry without \"term\""},
        {R"({"term":2})", "line 2, column 1: an entry without \"index\""},
        {R"({"index":2,"term":1} x)", "line 2, column 22: something follows"},
        {R"({"index":2,"term":1)", "line 2, column 20: the line ends where '}'"},
        {R"({"index":2 "term":1})", "line 2, column 12: expected '}'"},
        {R"({"index" 2})", "line 2, column 10: expected ':'"},
        {R"([1])", "line 2, column 1: expected '{'"},
        {R"({"index":2,"term":1,"x":nul})", "line 2, column 25: expected a JSON value"},
        {R"({"index":2,"term":1,"x":"\q"})", "line 2, column 26: an unknown escape"},
        {R"({"index":2,"term":1,"x":"\ud800"})", "line 2, column 26: half a surrogate pair"},
        {"{\"index\":2,\"term\":1,\"x\":\"\t\"}", "line 2, column 26: a control character"},
        {R"({"format":"kvctl.raftlog/1"})", "line 2, column 1: a header line stands only first"},
        {R"({"index":2,"term":1,"x":)" + std::string(300, '[') + "}", "nested too deeply"},
    };
    TempDir dir;
    for (const Row& row : rows) {
        CAPTURE(row.line);
        write_file(dir.file("log"), "{\"index\":1,\"term\":1}\n" + row.line + "\n");
        check_error(ErrorKind::damaged, dir.file("log") + ": ",
                    [&] { read_log(*raftlog::open_jsonl(dir.file("log"))); });
        check_error(ErrorKind::damaged, row.complaint,
                    [&] { read_log(*raftlog::open_jsonl(dir.file("log"))); });
    }
}

TEST_CASE("raft log jsonl: a bad header line is an error at opening") {
    TempDir dir;
    for (const auto& [line, complaint] : std::initializer_list<std::pair<std::string, std::string>>{
             {R"({"format":"kvctl.raftlog/2"})", "line 1, column 11: an unknown format"},
             {R"({"format":"kvctl.raftlog/1","index":1,"term":1})",
              "line 1, column 1: both a header line and an entry"},
             {R"({"format":"kvctl.raftlog/1","hard_state":{"term":1,"term":2}})",
              "column 52: a name stands twice"},
             {R"({"format":"kvctl.raftlog/1","snapshot":{"index":-2}})", "column 49: expected an integer"},
             {R"({"snapshot":{"index":2,"term":1}})", "an entry without \"index\""}}) {
        write_file(dir.file("log"), line + "\n");
        check_error(ErrorKind::damaged, complaint, [&] { (void)raftlog::open_jsonl(dir.file("log")); });
    }
}

TEST_CASE("raft log jsonl: base64 of every length, and with JSON escapes") {
    TempDir dir;
    write_file(dir.file("log"), R"({"index":1,"term":1,"data":"QQ=="})"
                                "\n"
                                R"({"index":2,"term":1,"data":"QUI="})"
                                "\n"
                                R"({"index":3,"term":1,"data":"QUJD"})"
                                "\n"
                                R"({"index":4,"term":1,"data":"QUJDRA=="})"
                                "\n"
                                R"({"index":5,"term":1,"data":"\/+\u002b\/"})"
                                "\n");
    const ReadLog log = read_log(*raftlog::open_jsonl(dir.file("log")));
    REQUIRE(log.entries.size() == 5);
    CHECK(log.entries[0].data == "A");
    CHECK(log.entries[1].data == "AB");
    CHECK(log.entries[2].data == "ABC");
    CHECK(log.entries[3].data == "ABCD");
    CHECK(log.entries[4].data == "\xFF\xEF\xBF");
}

TEST_CASE("raft log jsonl: lines longer than any buffer") {
    TempDir dir;
    const std::string data(1 << 20, 'A');
    std::string text;
    for (int i = 1; i <= 5; ++i) {
        text += R"({"index":)" + std::to_string(i) + R"(,"term":1,"data":")" + data + "\"}\n";
    }
    write_file(dir.file("log"), text);
    const ReadLog log = read_log(*raftlog::open_jsonl(dir.file("log")));
    CHECK(log.entries.size() == 5);
    for (const auto& e : log.entries) CHECK(e.data == std::string(data.size() / 4 * 3, '\0'));
}
