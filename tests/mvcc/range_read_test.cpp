#include "kvctl/mvcc/range_read.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace kvctl;
using namespace kvctl::mvcc;

namespace {

using Order = RangeRequest::Order;
using Target = RangeRequest::Target;

// Live at 8: a (created 2, modified 7, version 3), b (6, 6, 1), c (4, 8, 2), d is deleted at 5.
TreeIndex sample() {
    TreeIndex index(classic_rules());
    index.put("a", {2, 0});
    index.put("a", {3, 0});
    index.put("c", {4, 0});
    index.put("d", {4, 1});
    index.tombstone("d", {5, 0});
    index.put("b", {6, 0});
    index.put("a", {7, 0});
    index.put("c", {8, 0});
    return index;
}

// Values in the order b, c, a.
std::string value_of(Revision r) {
    return r.main == 6 ? "1" : r.main == 8 ? "2" : "3";
}

RangeRequest all(std::int64_t at) {
    RangeRequest r;
    r.end = "";
    r.at = MainRevision{at};
    return r;
}

std::string keys(const TreeIndex& index, const RangeRequest& request) {
    std::string text;
    const RangeResult result = read_range(index, request, value_of);
    for (const RangeRow& row : result.rows) text += index.key(row.key);
    return text + "/" + std::to_string(result.count) + (result.more ? "+" : "");
}

}  // namespace

TEST_CASE("range read: what exists at a revision, by key") {
    const TreeIndex index = sample();
    CHECK(keys(index, all(1)) == "/0");
    CHECK(keys(index, all(3)) == "a/1");
    CHECK(keys(index, all(4)) == "acd/3");
    CHECK(keys(index, all(5)) == "ac/2");
    CHECK(keys(index, all(8)) == "abc/3");
    RangeRequest one;
    one.key = "a";
    one.at = MainRevision{6};
    const RangeResult found = read_range(index, one, value_of);
    REQUIRE(found.rows.size() == 1);
    CHECK(found.rows[0].modified == Revision{3, 0});
    CHECK(found.rows[0].created == 2);
    CHECK(found.rows[0].version == 2);
    RangeRequest part = all(8);
    part.key = "b";
    part.end = "c";
    CHECK(keys(index, part) == "b/1");
    part.end = "a";
    CHECK(keys(index, part) == "/0");
}

TEST_CASE("range read: order, target and limit as a server applies them") {
    struct Row {
        const char* name;
        Order order;
        Target target;
        std::uint64_t limit;
        const char* keys;
    };
    const Row rows[] = {
        {"plain, limit", Order::none, Target::key, 2, "ab/3+"},
        {"limit is all", Order::none, Target::key, 3, "abc/3"},
        {"ascending keys", Order::ascend, Target::key, 1, "a/3+"},
        {"descending keys", Order::descend, Target::key, 2, "cb/3+"},
        {"create", Order::ascend, Target::create, 0, "acb/3"},
        {"create, descending", Order::descend, Target::create, 1, "b/3+"},
        {"modify, no order", Order::none, Target::modify, 0, "bac/3"},
        // The limit is taken among a and b: c, though not the last, never comes in.
        {"modify, no order, limit first", Order::none, Target::modify, 1, "b/3+"},
        {"create, no order, limit first", Order::none, Target::create, 1, "a/3+"},
        {"version", Order::descend, Target::version, 0, "acb/3"},
        {"value", Order::ascend, Target::value, 0, "bca/3"},
        {"value, descending", Order::descend, Target::value, 2, "ac/3+"},
    };
    const TreeIndex index = sample();
    for (const Row& row : rows) {
        CAPTURE(std::string(row.name));
        RangeRequest request = all(8);
        request.order = row.order;
        request.target = row.target;
        request.limit = row.limit;
        CHECK(keys(index, request) == std::string(row.keys));
    }
}

TEST_CASE("range read: the end of a prefix's range") {
    CHECK(prefix_end("/a") == "/b");
    CHECK(prefix_end("a\xff") == "b");
    CHECK(prefix_end("\xff\xff").empty());
    CHECK(prefix_end("").empty());
}
