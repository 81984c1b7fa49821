#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "kvctl/mvcc/key_index.hpp"
#include "kvctl/mvcc/tree_index.hpp"
#include "tests/support/index_builder.hpp"

using namespace kvctl;
using namespace kvctl::mvcc;
using test::text_of;

namespace {

// "2.0 5.1 7.0t": the writes to key `app` in a tree of its own.
TreeIndex tree_of(const std::string& writes, const CompactionRules& rules = classic_rules()) {
    TreeIndex tree(rules);
    std::istringstream in(writes);
    for (std::string word; in >> word;) {
        const std::size_t dot = word.find('.');
        const Revision r{std::stoll(word), std::stoll(word.substr(dot + 1))};
        if (word.back() == 't') {
            REQUIRE(tree.tombstone("app", r));
        } else {
            tree.put("app", r);
        }
    }
    return tree;
}

KeyIndex app(const TreeIndex& tree) {
    const auto found = tree.find("app");
    REQUIRE(found);
    return *found;
}

// Generations without the counters: "{2.0,5.1,7.0t}{}".
std::string generations_of(const KeyIndex& key) {
    std::ostringstream out;
    for (const Generation& g : key.generations()) {
        out << '{';
        for (std::size_t i = 0; i < g.size(); ++i) out << (i > 0 ? "," : "") << g.revision(i);
        out << (g.closed() ? "t}" : "}");
    }
    return out.str();
}

std::string available_text(const TreeIndex& tree, Slot slot) {
    if (slot == k_no_slot) return "-";
    std::ostringstream out;
    out << tree.revision(slot);
    return out.str();
}

CompactionRules with_rule(CompactionRules::Tombstones rule) {
    CompactionRules rules;
    rules.tombstones = rule;
    return rules;
}

constexpr auto k_classic = CompactionRules::Tombstones::classic;
constexpr auto k_keep = CompactionRules::Tombstones::keep_at_rev;

// etcd's own test key: three lives, the last one over as well.
constexpr const char* k_three_lives = "2.0 4.0 6.0t 8.0 10.0 12.0t 14.0 15.1 16.0t";

struct Compacted {
    std::int64_t at;
    std::string classic_available;
    std::string classic_left;  // "": the key is gone from the tree
    std::string keep_available;
    std::string keep_left;
    std::string kept;  // KeyIndex::keep, both rules
};

void check_compactions(const std::string& writes, const std::vector<Compacted>& rows) {
    for (const auto rule : {k_classic, k_keep}) {
        const TreeIndex tree = tree_of(writes, with_rule(rule));
        KeyIndex continuous = app(tree);
        KeyIndex jumping = app(tree);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const Compacted& row = rows[i];
            CAPTURE(std::string(name_of(rule)));
            CAPTURE(row.at);
            const CompactionBound bound = tree.bound(MainRevision(row.at));
            const std::string& available = rule == k_classic ? row.classic_available : row.keep_available;
            const std::string& left = rule == k_classic ? row.classic_left : row.keep_left;
            KeyIndex once = app(tree);
            CHECK(available_text(tree, once.keep(bound)) == row.kept);
            CHECK(available_text(tree, once.compact(bound)) == available);
            CHECK((once.empty() ? "" : generations_of(once)) == left);
            CHECK(once.modified() == app(tree).modified());
            // The same result whether the revisions before were compacted first, each or every other one.
            if (!continuous.empty()) {
                CHECK(available_text(tree, continuous.keep(bound)) == row.kept);
                CHECK(available_text(tree, continuous.compact(bound)) == available);
                CHECK(test::index_line(continuous) == test::index_line(once));
            } else {
                CHECK(left.empty());
            }
            if (i % 2 == 1 && !jumping.empty()) {
                jumping.compact(bound);
                CHECK(test::index_line(jumping) == test::index_line(once));
            }
        }
    }
}

}  // namespace

TEST_CASE("key index: put and tombstone build generations") {
    TreeIndex tree(classic_rules());
    tree.put("foo", {5, 0});
    CHECK(test::index_line(*tree.find("foo")) == "666f6f 5.0 5.0/1/5.0");
    tree.put("foo", {7, 0});
    CHECK(test::index_line(*tree.find("foo")) == "666f6f 7.0 5.0/2/5.0,7.0");
    CHECK(tree.tombstone("foo", {8, 0}));
    CHECK(test::index_line(*tree.find("foo")) == "666f6f 8.0 5.0/3/5.0,7.0,8.0;0.0/0/");
    CHECK_FALSE(tree.tombstone("foo", {9, 0}));
    CHECK(test::index_line(*tree.find("foo")) == "666f6f 8.0 5.0/3/5.0,7.0,8.0;0.0/0/");
    tree.put("foo", {10, 3});
    CHECK(tree.tombstone("foo", {15, 0}));
    CHECK(test::index_line(*tree.find("foo")) == "666f6f 15.0 5.0/3/5.0,7.0,8.0;10.3/2/10.3,15.0;0.0/0/");
    CHECK_FALSE(tree.tombstone("bar", {16, 0}));
    CHECK_FALSE(tree.find("bar"));
}

TEST_CASE("key index: restore keeps what only the stored row knows") {
    TreeIndex tree(keep_at_rev_rules());
    tree.restore("foo", {5, 1}, {7, 0}, 2);
    CHECK(test::index_line(*tree.find("foo")) == "666f6f 7.0 5.1/2/7.0");
    tree.put("foo", {9, 0});
    CHECK(test::index_line(*tree.find("foo")) == "666f6f 9.0 5.1/3/7.0,9.0");
}

TEST_CASE("key index: a restored tombstone is a life of one change") {
    TreeIndex tree(keep_at_rev_rules());
    tree.restore_tombstone("foo", {16, 0});
    CHECK(test::index_line(*tree.find("foo")) == "666f6f 16.0 0.0/1/16.0;0.0/0/");
    const KeyIndex key = *tree.find("foo");
    CHECK_FALSE(key.live());
    CHECK_FALSE(key.get(MainRevision(16)));
    tree.put("foo", {17, 0});
    CHECK(test::index_line(*tree.find("foo")) == "666f6f 17.0 0.0/1/16.0;17.0/1/17.0");
    CHECK(tree.tombstone("foo", {18, 0}));
    KeyIndex compacted = *tree.find("foo");
    CHECK(compacted.compact(tree.bound(MainRevision(16))) == tree.find_slot({16, 0}));
    CHECK(test::index_line(compacted) == "666f6f 18.0 0.0/1/16.0;17.0/2/17.0,18.0;0.0/0/");
    CHECK(compacted.compact(tree.bound(MainRevision(17))) == tree.find_slot({17, 0}));
    CHECK(test::index_line(compacted) == "666f6f 18.0 17.0/2/17.0,18.0;0.0/0/");
}

TEST_CASE("key index: what a read sees at each revision, compacted at 4 before") {
    const TreeIndex tree = tree_of(k_three_lives);
    KeyIndex key = app(tree);
    CHECK(key.compact(tree.bound(MainRevision(4))) == tree.find_slot({4, 0}));
    struct Row {
        std::int64_t at;
        Revision modified;
        Revision created;
        std::int64_t version;  // 0: no such key then
    };
    const std::vector<Row> rows{
        {17, {}, {}, 0},
        {16, {}, {}, 0},
        {15, {15, 1}, {14, 0}, 2},
        {14, {14, 0}, {14, 0}, 1},
        {13, {}, {}, 0},
        {12, {}, {}, 0},
        {11, {10, 0}, {8, 0}, 2},
        {10, {10, 0}, {8, 0}, 2},
        {9, {8, 0}, {8, 0}, 1},
        {8, {8, 0}, {8, 0}, 1},
        {7, {}, {}, 0},
        {6, {}, {}, 0},
        {5, {4, 0}, {2, 0}, 2},
        {4, {4, 0}, {2, 0}, 2},
        {3, {}, {}, 0},
        {2, {}, {}, 0},
        {1, {}, {}, 0},
        {0, {}, {}, 0},
    };
    for (const Row& row : rows) {
        CAPTURE(row.at);
        const auto found = key.get(MainRevision(row.at));
        REQUIRE(found.has_value() == (row.version > 0));
        if (!found) continue;
        CHECK(found->modified == row.modified);
        CHECK(found->created == row.created);
        CHECK(found->version == row.version);
        CHECK(tree.revision(found->slot) == row.modified);
    }
}

TEST_CASE("key index: revisions since, the largest sub of each main, compacted at 4 before") {
    const TreeIndex tree = tree_of(k_three_lives);
    KeyIndex key = app(tree);
    key.compact(tree.bound(MainRevision(4)));
    const std::vector<Revision> all{{4, 0}, {6, 0}, {8, 0}, {10, 0}, {12, 0}, {14, 0}, {15, 1}, {16, 0}};
    const std::vector<std::pair<std::int64_t, std::size_t>> rows{
        {17, 8}, {16, 7}, {15, 6}, {14, 5}, {13, 5}, {12, 4}, {11, 4}, {10, 3}, {9, 3},
        {8, 2},  {7, 2},  {6, 1},  {5, 1},  {4, 0},  {3, 0},  {2, 0},  {1, 0},  {0, 0}};
    for (const auto& [from, first] : rows) {
        CAPTURE(from);
        CHECK(text_of(key.since(MainRevision(from))) ==
              text_of(std::vector<Revision>(all.begin() + static_cast<std::ptrdiff_t>(first), all.end())));
    }
    const TreeIndex twice = tree_of("2.0 2.1t 2.2 3.0t 3.5");
    CHECK(text_of(app(twice).since(MainRevision(0))) == "2.2 3.5");
}

TEST_CASE("key index: the generation that is alive at each revision") {
    const TreeIndex tree = tree_of(k_three_lives);
    const KeyIndex key = app(tree);
    const std::vector<std::int64_t> first{0, 0, 2, 2, 2, 2, 0, 0, 8, 8, 8, 8, 0, 0, 14, 14, 0, 0};
    for (std::size_t at = 0; at < first.size(); ++at) {
        CAPTURE(at);
        const auto g = key.find_generation(MainRevision(static_cast<std::int64_t>(at)));
        CHECK((g ? g->revision(0).main : 0) == first[at]);
    }
}

TEST_CASE("key index: compaction at every revision of etcd's own test key, both rules") {
    const std::string all = "{2.0,4.0,6.0t}{8.0,10.0,12.0t}{14.0,15.1,16.0t}{}";
    const std::string from_4 = "{4.0,6.0t}{8.0,10.0,12.0t}{14.0,15.1,16.0t}{}";
    const std::string from_8 = "{8.0,10.0,12.0t}{14.0,15.1,16.0t}{}";
    const std::string from_10 = "{10.0,12.0t}{14.0,15.1,16.0t}{}";
    const std::string from_14 = "{14.0,15.1,16.0t}{}";
    check_compactions(k_three_lives, {
                                         {1, "-", all, "-", all, "-"},
                                         {2, "2.0", all, "2.0", all, "2.0"},
                                         {3, "2.0", all, "2.0", all, "2.0"},
                                         {4, "4.0", from_4, "4.0", from_4, "4.0"},
                                         {5, "4.0", from_4, "4.0", from_4, "4.0"},
                                         {6, "-", from_8, "6.0", "{6.0t}" + from_8, "-"},
                                         {7, "-", from_8, "-", from_8, "-"},
                                         {8, "8.0", from_8, "8.0", from_8, "8.0"},
                                         {9, "8.0", from_8, "8.0", from_8, "8.0"},
                                         {10, "10.0", from_10, "10.0", from_10, "10.0"},
                                         {11, "10.0", from_10, "10.0", from_10, "10.0"},
                                         {12, "-", from_14, "12.0", "{12.0t}" + from_14, "-"},
                                         {13, "-", from_14, "-", from_14, "-"},
                                         {14, "14.0", from_14, "14.0", from_14, "14.0"},
                                         {15, "15.1", "{15.1,16.0t}{}", "15.1", "{15.1,16.0t}{}", "15.1"},
                                         {16, "-", "", "16.0", "{16.0t}{}", "-"},
                                         {17, "-", "", "-", "", "-"},
                                     });
}

TEST_CASE("key index: the worked example of etcd.md 2.3, both rules") {
    const std::string all = "{2.0,5.1,7.0t}{9.0,10.0,12.0t}{}";
    const std::string from_5 = "{5.1,7.0t}{9.0,10.0,12.0t}{}";
    const std::string second = "{9.0,10.0,12.0t}{}";
    const std::string from_10 = "{10.0,12.0t}{}";
    check_compactions("2.0 5.1 7.0t 9.0 10.0 12.0t", {
                                                         {1, "-", all, "-", all, "-"},
                                                         {2, "2.0", all, "2.0", all, "2.0"},
                                                         {3, "2.0", all, "2.0", all, "2.0"},
                                                         {4, "2.0", all, "2.0", all, "2.0"},
                                                         {5, "5.1", from_5, "5.1", from_5, "5.1"},
                                                         {6, "5.1", from_5, "5.1", from_5, "5.1"},
                                                         {7, "-", second, "7.0", "{7.0t}" + second, "-"},
                                                         {8, "-", second, "-", second, "-"},
                                                         {9, "9.0", second, "9.0", second, "9.0"},
                                                         {10, "10.0", from_10, "10.0", from_10, "10.0"},
                                                         {11, "10.0", from_10, "10.0", from_10, "10.0"},
                                                         {12, "-", "", "12.0", "{12.0t}{}", "-"},
                                                         {13, "-", "", "-", "", "-"},
                                                         {14, "-", "", "-", "", "-"},
                                                     });
}

TEST_CASE("key index: the example in the header holds") {
    const std::string writes = "2.0 5.1 7.0t 9.0 12.0t";
    CHECK(generations_of(app(tree_of("2.0 5.1 7.0t 9.0"))) == "{2.0,5.1,7.0t}{9.0}");
    const TreeIndex classic = tree_of(writes, with_rule(k_classic));
    const TreeIndex keep = tree_of(writes, with_rule(k_keep));
    const auto left = [](const TreeIndex& tree, std::int64_t at) {
        KeyIndex key = app(tree);
        key.compact(tree.bound(MainRevision(at)));
        return generations_of(key);
    };
    CHECK(left(classic, 6) == "{5.1,7.0t}{9.0,12.0t}{}");
    CHECK(left(classic, 7) == "{9.0,12.0t}{}");
    CHECK(left(keep, 7) == "{7.0t}{9.0,12.0t}{}");
    CHECK(left(classic, 13) == "{}");
    CHECK(left(keep, 13) == "{}");
}

TEST_CASE("key index: compaction keeps created and counts versions on") {
    const TreeIndex tree = tree_of("2.0 3.0 4.0 9.0");
    KeyIndex key = app(tree);
    key.compact(tree.bound(MainRevision(5)));
    CHECK(test::index_line(key) == "617070 9.0 2.0/4/4.0,9.0");
    CHECK(key.get(MainRevision(8))->version == 3);
    CHECK(key.get(MainRevision(9))->version == 4);
}

TEST_CASE("key index: of several revisions with one main the largest sub stays") {
    const TreeIndex tree = tree_of("2.0 3.0 3.1 3.7 5.0");
    KeyIndex key = app(tree);
    CHECK(available_text(tree, key.compact(tree.bound(MainRevision(3)))) == "3.7");
    CHECK(generations_of(key) == "{3.7,5.0}");
}

TEST_CASE("key index: classic forgets a life that is a tombstone alone, even above the revision") {
    CompactionRules rules = with_rule(k_classic);
    rules.restore_orphan_tombstone = true;
    TreeIndex tree(rules);
    tree.restore_tombstone("app", {10, 0});
    tree.put("app", {11, 0});
    KeyIndex key = app(tree);
    CHECK(key.compact(tree.bound(MainRevision(5))) == k_no_slot);
    CHECK(generations_of(key) == "{11.0}");
}
