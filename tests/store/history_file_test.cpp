#include "kvctl/store/history_file.hpp"

#include <doctest/doctest.h>

#include <sstream>

#include "tests/support/check_error.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::store;
using test::check_error;
using test::TempDir;
using test::write_file;

namespace {

struct Owned {
    mvcc::Revision revision;
    bool tombstone = false;
    std::string key;
    std::int64_t create_revision = 0;
    std::int64_t version = 0;
    std::int64_t lease = 0;
    std::string value;
    friend bool operator==(const Owned&, const Owned&) = default;
};

std::vector<Owned> read(HistoryReader& reader) {
    std::vector<Owned> rows;
    reader.each([&](const mvcc::Record& r) {
        rows.push_back({r.revision, r.tombstone, std::string(r.key), r.create_revision, r.version, r.lease,
                        std::string(r.value)});
    });
    return rows;
}

std::string text_of(const HistoryHeader& header, const std::vector<Owned>& rows) {
    std::ostringstream out;
    HistoryWriter writer(out, header);
    for (const Owned& o : rows) {
        mvcc::Record r;
        r.revision = o.revision;
        r.tombstone = o.tombstone;
        r.key = o.key;
        r.create_revision = o.create_revision;
        r.version = o.version;
        r.lease = o.lease;
        r.value = o.value;
        writer.add(r);
    }
    writer.finish();
    return out.str();
}

const std::string k_binary("\0\xff\n\"\\", 5);
const std::string k_head = R"({"format":"kvhistory/1"})";

}  // namespace

TEST_CASE("history file: what is written is read back, binary keys and all") {
    HistoryHeader header;
    header.layout = "native";
    header.current = MainRevision(9);
    header.rows = 5;
    header.meta = {{"finished_compact_rev", 3}, {"my own \"counter\"", -5}};
    header.leases = {{-7, 60}, {9000000000000000000, 9000000000}};
    const std::vector<Owned> rows{{{2, 0}, false, k_binary, 2, 1, 0, k_binary},
                                  {{4, 0}, false, "", 0, 0, 0, ""},
                                  {{4, 1}, true, k_binary, 0, 0, 0, ""},
                                  {{4, 3}, false, "k", 4, 1, -7, std::string(100000, 'x')},
                                  {{9223372036854775807, 9223372036854775807}, false, "z", 1, 2, 3, "v"}};
    const std::string text = text_of(header, rows);
    CHECK(std::count(text.begin(), text.end(), '\n') == 4);
    const TempDir dir;
    write_file(dir.file("h"), text);
    HistoryReader reader(dir.file("h"));
    CHECK(reader.header().layout == "native");
    CHECK(reader.header().current == header.current);
    CHECK(reader.header().rows == header.rows);
    CHECK(reader.header().meta == header.meta);
    CHECK(reader.header().leases == header.leases);
    CHECK(read(reader) == rows);
}

TEST_CASE("history file: a transaction too long for a line goes on in the next") {
    std::vector<Owned> rows;
    for (int i = 0; i < 40; ++i)
        rows.push_back({{2, i}, false, "k" + std::to_string(i), 2, 1, 0, std::string(600000, 'v')});
    const std::string text = text_of({}, rows);
    CHECK(std::count(text.begin(), text.end(), '\n') == 3);
    const TempDir dir;
    write_file(dir.file("h"), text);
    HistoryReader reader(dir.file("h"));
    CHECK(read(reader) == rows);
}

TEST_CASE("history file: names that are not known are skipped, whatever they hold") {
    const TempDir dir;
    write_file(
        dir.file("h"),
        R"({"format":"kvhistory/1","name":"x","seed":18446744073709551615,"more":{"rev":[1,{"ops":2}]}})"
        "\n\n"
        R"({"rev":2,"x":[[1.5,null]],"ops":[{"sub":0,"type":"put","key":"YQ==","y":{"key":1}}]})");
    HistoryReader reader(dir.file("h"));
    CHECK(read(reader) == std::vector<Owned>{{{2, 0}, false, "a", 0, 0, 0, ""}});
}

TEST_CASE("history file: what is wrong is told with its line") {
    struct Row {
        std::string name;
        std::string text;
        std::string part;
    };
    const auto txn = [](const std::string& ops) { return k_head + "\n{\"rev\":2,\"ops\":[" + ops + "]}\n"; };
    const std::string op = R"({"sub":0,"type":"put","key":"YQ=="})";
    const std::vector<Row> rows{
        {"not JSON", k_head + "\n\n{\"rev\":2", "line 3: not JSON"},
        {"two values on a line", k_head + "\n{\"rev\":2,\"ops\":[]} {}", "line 2: not JSON"},
        {"not an object", k_head + "\n[1]", "line 2: not an object"},
        {"a bare number", k_head + "\n5", "line 2: not an object"},
        {"no rev", k_head + "\n{\"ops\":[]}", "'rev' and 'ops'"},
        {"no ops", k_head + "\n{\"rev\":2}", "'rev' and 'ops'"},
        {"rev is a string", k_head + "\n{\"rev\":\"2\",\"ops\":[]}", "'rev' is not an integer"},
        {"rev is a fraction", k_head + "\n{\"rev\":2.5,\"ops\":[]}", "'rev' is not an integer"},
        {"rev too large", k_head + "\n{\"rev\":9223372036854775808,\"ops\":[]}", "above 2^63-1"},
        {"rev negative", k_head + "\n{\"rev\":-2,\"ops\":[" + op + "]}", "negative"},
        {"ops is an object", k_head + "\n{\"rev\":2,\"ops\":{}}", "'ops' is an object"},
        {"an op is no object", txn("5"), "something else"},
        {"no key", txn(R"({"sub":0,"type":"put"})"), "'sub', 'type' and 'key'"},
        {"a wrong type", txn(R"({"sub":0,"type":"set","key":""})"), "neither put nor delete"},
        {"key not base64", txn(R"({"sub":0,"type":"put","key":"Y"})"), "'key' is not base64"},
        {"value not base64", txn(R"({"sub":0,"type":"put","key":"","value":"!"})"), "'value' is not base64"},
        {"value null", txn(R"({"sub":0,"type":"put","key":"","value":null})"), "'value' is not a string"},
        {"a delete with a value", txn(R"({"sub":0,"type":"delete","key":"YQ==","value":"YQ=="})"),
         "a delete with a value"},
        {"sub repeats", txn(op + "," + op), "do not ascend"},
        {"rev falls", txn(op) + "{\"rev\":1,\"ops\":[" + op + "]}", "line 3: revisions do not ascend"},
        {"cut short",
         R"({"format":"kvhistory/1","entries":3})"
         "\n{\"rev\":2,\"ops\":[" +
             op + "]}",
         "holds 1 rows where its first line says 3"},
        {"nested deeply", k_head + "\n{\"x\":" + std::string(100, '['), "nested too deeply"},
    };
    const TempDir dir;
    for (const Row& row : rows) {
        CAPTURE(row.name);
        write_file(dir.file("h"), row.text);
        check_error(ErrorKind::damaged, row.part, [&] {
            HistoryReader reader(dir.file("h"));
            (void)read(reader);
        });
    }
}

TEST_CASE("history file: another file is none") {
    const TempDir dir;
    for (const std::string text : {"", "\n\n", "hello\n", "{\"format\":\"kvctl.raftlog/1\"}\n"}) {
        CAPTURE(text);
        write_file(dir.file("h"), text);
        check_error(ErrorKind::not_a_store, "h", [&] { const HistoryReader reader(dir.file("h")); });
    }
    check_error(ErrorKind::io, "missing", [&] { const HistoryReader reader(dir.file("missing")); });
    write_file(dir.file("h"), R"({"format":"other","x":"kvhistory/1"})");
    check_error(ErrorKind::not_a_store, "line 1", [&] { const HistoryReader reader(dir.file("h")); });
}

TEST_CASE("history file: a counter whose name is not UTF-8 is refused") {
    std::ostringstream out;
    HistoryHeader header;
    header.meta = {{"\xff", 1}};
    check_error(ErrorKind::refused, "\\xff", [&] { const HistoryWriter writer(out, header); });
}
