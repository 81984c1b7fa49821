#include "kvctl/raftlog/paste.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <functional>
#include <string>
#include <thread>

#include "kvctl/base/bytes.hpp"
#include "kvctl/raftlog/open.hpp"
#include "tests/support/raft_log.hpp"
#include "tests/support/requests.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;

namespace {

const std::string k_text =
    "Snapshot:\nempty\nStart dumping log entries from snapshot.\n"
    "WAL metadata:\nnodeID=8e2f0c clusterID=77a1 term=2 commitIndex=3 vote=8e2f0c\n"
    "WAL entries: 3\nlastIndex=3\nterm\t     index\ttype\tdata\n"
    "   1\t         1\tconf\tmethod=ConfChangeAddNode id=8e2f0c\n"
    "   2\t         2\tnorm\t\n"
    "   2\t         3\tnorm\theader:<ID:901 > put:<key:\"a@b# $ \" value:\"x\" > \n"
    "\nEntry types (Normal,ConfigChange) count is : 3\n";

const std::string k_raw =
    "CRC: 0\nMetadata: NodeID:7 ClusterID:8 \nSnapshot: \n"
    "Entry: Term:1 Index:1 Type:EntryConfChange Data:\"\\010\\000\" \n"
    "Entry: Term:2 Index:2 \n"
    "HardState: term:2 vote:7 commit:3 \n"
    "Entry: Term:2 Index:3 Data:\"\\\"\\003\\n\\001k\" \n"
    "EOF: All entries were processed.\n";

std::string json_lines() {
    return "{\"format\":\"kvctl.raftlog/1\",\"hard_state\":{\"term\":2,\"vote\":7,\"commit\":3}}\n"
           "{\"index\":1,\"term\":1,\"type\":\"EntryConfChange\"}\n{\"index\":2,\"term\":2}\n"
           "{\"index\":3,\"term\":2,\"data\":\"" +
           base64_encode(put_request("k", "")) + "\"}\n";
}

std::string each_line(const std::string& text, const std::function<std::string(const std::string&)>& f) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size() - 1);
        out += f(text.substr(at, end - at)) + "\n";
        at = end + 1;
    }
    return out;
}

// As a terminal shows it.
std::string with_blanks(const std::string& text) {
    return each_line(text, [](const std::string& line) {
        std::string out;
        for (const char c : line) {
            if (c != '\t') {
                out += c;
            } else {
                do out += ' ';
                while (out.size() % 8 != 0);
            }
        }
        out.erase(out.find_last_not_of(' ') + 1);
        return out;
    });
}

}  // namespace

TEST_CASE("raft log paste: a dump is read as people paste it") {
    using Change = std::function<std::string(const std::string&)>;
    struct Row {
        std::string name;
        Change change;
    };
    const std::vector<Row> rows{
        {"as it is", [](const std::string& t) { return t; }},
        {"blanks for tabs", with_blanks},
        {"a byte order mark", [](const std::string& t) { return "\xEF\xBB\xBF" + t; }},
        {"line ends of DOS",
         [](const std::string& t) { return each_line(t, [](const std::string& l) { return l + "\r"; }); }},
        {"no line end at the end", [](const std::string& t) { return t.substr(0, t.size() - 1); }},
        {"DOS without a line end at the end",
         [](const std::string& t) { return t.substr(0, t.size() - 1) + "\r"; }},
        {"a code fence", [](const std::string& t) { return "```text\n" + t + "```\n"; }},
        {"behind a prompt",
         [](const std::string& t) {
             return "root@etcd-1:~# etcd-dump-logs /var/lib/etcd\n" + t + "root@etcd-1:~#\n";
         }},
        {"another prompt", [](const std::string& t) { return "[root@etcd-1 ~]# cat log\n" + t + "$ \n"; }},
        {"log lines between",
         [](const std::string& t) {
             return each_line(t, [](const std::string& l) {
                 return "{\"level\":\"warn\",\"ts\":\"2026-11-20T08:00:00Z\",\"msg\":\"index 7\"}\n"
                        "2026-11-20 08:00:00.123456 I | wal: repairing\n"
                        "2026/11/20 08:00:00 slow\n" +
                        l;
             });
         }},
        {"the window's margin",
         [](const std::string& t) { return each_line(t, [](const std::string& l) { return "  " + l; }); }}};
    const TempDir dir;
    const std::string path = dir.file("dump");
    for (const Row& row : rows) {
        for (const auto& [form, text] : {std::pair{raftlog::SourceKind::dump_text, k_text},
                                         {raftlog::SourceKind::dump_raw, k_raw},
                                         {raftlog::SourceKind::jsonl, json_lines()}}) {
            CAPTURE(row.name);
            CAPTURE(raftlog::name_of(form));
            write_file(path, row.change(text));
            const auto source = raftlog::open(path);
            CHECK(source->header().kind == form);
            CHECK(source->header().hard_state->commit == LogIndex{3});
            const ReadLog log = read_log(*source);
            CHECK(positions(log) == "1/1 2/2 3/2");
            CHECK(requests(log) == "conf_change empty put");
            for (const Finding& f : log.findings) CHECK(f.severity == Finding::Severity::info);
        }
    }
    write_file(path,
               k_text.substr(k_text.find("   1\t"), k_text.find("\nEntry types") - k_text.find("   1\t")));
    CHECK(positions(read_log(*raftlog::open(path))) == "1/1 2/2 3/2");
}

TEST_CASE("raft log paste: a damaged line is no line of somebody else's") {
    for (const char* const line :
         {"   2\t  \tnorm\tput:<key:\"a@b\" > ", "Entry: Ter", "Entry: Term:1 Index:2 Data:\"a@b# ", "",
          "   2\t         3\tnor\theader:<ID:901 > x", "rubbish", "2\t3\tnorm # ", "Entry types (x@y) # ",
          "{\"index\":1,\"term\":1}", "2026-11-2", "a b# c"}) {
        CAPTURE(line);
        CHECK_FALSE(raftlog::is_foreign_line(line));
    }
}

TEST_CASE("raft log paste: through a pipe") {
    const TempDir dir;
    for (const std::string& text : {k_text, k_raw, json_lines()}) {
        const std::string path = dir.file("pipe");
        REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
        std::thread writer([&] { write_file(path, text); });
        const auto source = raftlog::open(path);
        writer.join();
        CHECK(source->header().path == path);
        for (int i = 0; i < 2; ++i) CHECK(positions(read_log(*source)) == "1/1 2/2 3/2");
        REQUIRE(::unlink(path.c_str()) == 0);
    }
    CHECK(dir.names().empty());
}
