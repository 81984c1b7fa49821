#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/mvcc/prefixes.hpp"

using namespace kvctl::mvcc;
using namespace std::string_literals;

TEST_CASE("prefixes: up to the second slash after a leading one, else before the first, else all") {
    struct Row {
        std::string key;
        std::string prefix;
    };
    const std::vector<Row> rows{
        {"/registry/pods/ns/name", "/registry/pods/"},
        {"/registry/pods/name", "/registry/pods/"},
        {"/registry/pods/", "/registry/pods/"},
        {"/registry/pods", "/registry/pods"},
        {"/registry/", "/registry/"},
        {"/registry", "/registry"},
        {"/", "/"},
        {"//", "//"},
        {"//x/y", "//x/"},
        {"///", "///"},
        {"app/a/b", "app"},
        {"app/", "app"},
        {"app", "app"},
        {"a\0b/c"s, "a\0b"s},
        {"\xFF/\x01", "\xFF"},
        {"", ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.key);
        CHECK(std::string(prefix_of(row.key)) == row.prefix);
    }
}

TEST_CASE("prefixes: thousands of them are told apart") {
    TreeIndex index(classic_rules());
    index.add_segments(1);
    RowBatch batch;
    for (int i = 0; i < 5000; ++i) {
        IndexRow row;
        row.revision = {i + 2, 0};
        const std::string key = "p" + std::to_string(i % 1700) + "/k" + std::to_string(i);
        row.key = key;
        row.version = 1;
        if (!batch.push(row)) index.add(0, batch);
    }
    index.add(0, batch);
    REQUIRE(index.seal());
    const PrefixTable table = group_by_prefix(index, prefix_of);
    CHECK(table.names.size() == 1700);
    CHECK(std::set<std::string_view>(table.names.begin(), table.names.end()).size() == 1700);
    REQUIRE(table.of_key.size() == index.key_count());
    for (KeyId id = 0; id < index.key_count(); ++id) {
        CHECK(std::string(table.names[table.of_key[id]]) == std::string(prefix_of(index.key(id))));
    }
}
