#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "kvctl/mvcc/record.hpp"

using namespace kvctl::mvcc;
using namespace std::string_literals;

namespace {

std::string unhex(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); i += 2)
        out += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
    return out;
}

}  // namespace

TEST_CASE("record: encodes as the KeyValue that etcd stores (etcd.md, appendix A)") {
    struct Row {
        std::string name;
        Record record;
        std::string bytes;
    };
    const std::vector<Row> rows{
        {"first put", {{2, 0}, false, "foo", 2, 1, 0, "v1", {}, false}, "0a03666f6f1002180220012a027631"},
        {"update", {{4, 0}, false, "foo", 2, 2, 0, "v2", {}, false}, "0a03666f6f1002180420022a027632"},
        {"tombstone", {{5, 0}, true, "foo", 0, 0, 0, "", {}, false}, "0a03666f6f"},
        {"sub 1", {{7, 1}, false, "k2", 7, 1, 0, "b", {}, false}, "0a026b321007180720012a0162"},
        {"hazard", {{9, 4}, false, "b", 9, 1, 0, "2", {}, false}, "0a01621009180920012a0132"},
        {"bumped snapshot", {{1000000, 0}, false, "", 0, 0, 0, "", {}, false}, ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        std::string out = "before";
        append_key_value(out, row.record);
        CHECK(out == "before" + unhex(row.bytes));
    }
}

TEST_CASE("record: a lease, an empty value and binary bytes come back as they were") {
    Record r;
    r.revision = {300, 2};
    r.key = "\0\xFF\n"s;
    const std::string key = "\0\xFF\n"s;
    r.key = key;
    r.create_revision = 7;
    r.version = 1LL << 40;
    r.lease = std::numeric_limits<std::int64_t>::min() + 5;
    std::string message;
    append_key_value(message, r);
    KeyValue kv;
    REQUIRE(decode_key_value(message, kv));
    CHECK(std::string(kv.key) == key);
    CHECK(kv.create_revision == 7);
    CHECK(kv.mod_revision == 300);
    CHECK(kv.version == 1LL << 40);
    CHECK(kv.lease == r.lease);
    CHECK(kv.value.empty());
}

TEST_CASE("record: an unknown field is passed over, a cut or mistyped message is none") {
    KeyValue kv;
    CHECK(decode_key_value("", kv));
    const std::string good = unhex("0a03666f6f1002180220012a027631");
    const std::string longer = good + unhex("3a0178");
    CHECK(decode_key_value(longer, kv));
    CHECK(std::string(kv.value) == "v1");
    // A cut that ends between two fields is a shorter message.
    for (const std::size_t n : {1U, 2U, 4U, 6U, 8U, 10U, 12U, 14U}) {
        CAPTURE(n);
        CHECK_FALSE(decode_key_value(good.substr(0, n), kv));
    }
    CHECK_FALSE(decode_key_value(unhex("0801"), kv));
    CHECK_FALSE(decode_key_value(unhex("12024142"), kv));
}
