#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "kvctl/mvcc/tree_index.hpp"
#include "tests/support/index_builder.hpp"

using namespace kvctl;
using namespace kvctl::mvcc;
using test::naive::Row;
using namespace std::string_literals;

namespace {

IndexRow put(Revision revision, std::string_view key, std::int64_t version = 1, std::int64_t created = 0) {
    IndexRow row;
    row.revision = revision;
    row.key = key;
    row.version = version;
    row.create_revision = created == 0 ? revision.main : created;
    row.bytes = key.size();
    return row;
}

IndexRow dead(Revision revision, std::string_view key) {
    IndexRow row;
    row.revision = revision;
    row.key = key;
    row.tombstone = true;
    row.bytes = key.size();
    return row;
}

// Adds rows to one segment; true when seal() takes them.
bool fill(TreeIndex& index, const std::vector<IndexRow>& rows) {
    index.add_segments(1);
    RowBatch batch;
    for (const IndexRow& r : rows) {
        if (!batch.push(r)) index.add(0, batch);
    }
    index.add(0, batch);
    return index.seal();
}

std::vector<Revision> all_revisions(const TreeIndex& index) {
    std::vector<Revision> all;
    index.for_each_row(0, index.slot_end(), [&](Slot s) { all.push_back(index.revision(s)); });
    return all;
}

}  // namespace

TEST_CASE("tree index: an empty one answers everything") {
    TreeIndex index(classic_rules());
    REQUIRE(index.seal());
    CHECK(index.key_count() == 0);
    CHECK(index.slot_end() == 0);
    CHECK(index.last_slot() == k_no_slot);
    CHECK(index.lower_bound(MainRevision(5)) == 0);
    CHECK(index.upper_bound(MainRevision(std::numeric_limits<std::int64_t>::max())) == 0);
    CHECK(index.find_slot({1, 0}) == k_no_slot);
    CHECK_FALSE(index.find("a"));
    CHECK(index.sorted_keys().empty());
    CHECK(index.total() == Tally{});
    TreeIndex segments(classic_rules());
    segments.add_segments(5);
    CHECK(segments.seal());
    CHECK(segments.slot_end() == 0);
}

TEST_CASE("tree index: keys are bytes, ordered unsigned, the shorter first") {
    TreeIndex index(classic_rules());
    const std::vector<std::string> sorted{"",      "\0"s,      "\0a"s,     "a",    "a\0"s,
                                          "a\0b"s, "aa",       "ab",       "b",    "\x7F",
                                          "\x80",  "\xC3\xA4", "\xFE\xFF", "\xFF", "\xFF\0"s};
    std::vector<IndexRow> rows;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        rows.push_back(put({static_cast<std::int64_t>(i) + 2, 0}, sorted[(i * 7) % sorted.size()]));
    }
    REQUIRE(fill(index, rows));
    std::vector<std::string> seen;
    for (const KeyId id : index.sorted_keys()) seen.emplace_back(index.key(id));
    CHECK(seen == sorted);
    for (const std::string& key : sorted) {
        CAPTURE(key);
        const auto found = index.find(key);
        REQUIRE(found);
        CHECK(found->key() == key);
    }
    CHECK_FALSE(index.find("a\0c"s));
    const auto keys = [&](std::string_view from, std::optional<std::string_view> end) {
        std::vector<std::string> out;
        for (const KeyId id : index.range(from, end)) out.emplace_back(index.key(id));
        return out;
    };
    CHECK(keys("a", std::nullopt) == std::vector<std::string>{"a"});
    CHECK(keys("zz", std::nullopt).empty());
    CHECK(keys("a", "b") == std::vector<std::string>{"a", "a\0"s, "a\0b"s, "aa", "ab"});
    CHECK(keys("\xFE", "") == std::vector<std::string>{"\xFE\xFF", "\xFF", "\xFF\0"s});
    CHECK(keys("b", "a").empty());
    CHECK(keys("b", "b").empty());
}

TEST_CASE("tree index: rows out of order are noticed, within a segment and between two") {
    TreeIndex index(classic_rules());
    CHECK_FALSE(fill(index, {put({3, 0}, "a"), put({2, 0}, "b")}));
    index.clear();
    CHECK_FALSE(fill(index, {put({3, 1}, "a"), put({3, 0}, "b")}));
    index.clear();
    CHECK(fill(index, {put({2, 0}, "b"), put({3, 0}, "a")}));
    CHECK(test::text_of(all_revisions(index)) == "2.0 3.0");

    TreeIndex two(classic_rules());
    two.add_segments(3);
    RowBatch batch;
    batch.push(put({10, 0}, "a"));
    two.add(0, batch);
    batch.push(put({9, 0}, "b"));
    two.add(2, batch);
    CHECK_FALSE(two.seal());
}

TEST_CASE("tree index: segments may be filled in any order, and may stay empty") {
    TreeIndex index(classic_rules());
    index.add_segments(4);
    RowBatch batch;
    batch.push(dead({5, 0}, "a"));
    index.add(3, batch);
    batch.push(put({4, 0}, "a", 3, 2));
    index.add(2, batch);
    batch.push(put({2, 0}, "a", 1, 2));
    batch.push(put({3, 0}, "a", 2, 2));
    index.add(0, batch);
    REQUIRE(index.seal());
    CHECK(test::index_text(index) == "61 5.0 2.0/4/2.0,3.0,4.0,5.0;0.0/0/\n");
}

TEST_CASE("tree index: a repeated revision is counted, not refused") {
    TreeIndex index(classic_rules());
    REQUIRE(
        fill(index, {put({2, 0}, "a"), put({2, 0}, "a", 2, 2), put({2, 0}, "b"), put({3, 0}, "b", 2, 2)}));
    CHECK(index.duplicates() == 2);
    CHECK(index.total().revisions == 4);
    TreeIndex across(classic_rules());
    across.add_segments(2);
    RowBatch batch;
    batch.push(put({2, 0}, "a"));
    across.add(0, batch);
    batch.push(put({2, 0}, "b"));
    across.add(1, batch);
    REQUIRE(across.seal());
    CHECK(across.duplicates() == 1);
}

TEST_CASE("tree index: subs of any size keep their value and order") {
    constexpr std::int64_t k_huge = std::int64_t{1} << 62;
    const std::vector<std::int64_t> subs{
        0,          1,          0x3FFFFFFE, 0x3FFFFFFF, 0x40000000,
        0x7FFFFFFF, 0x80000000, k_huge - 1, k_huge,     std::numeric_limits<std::int64_t>::max()};
    std::vector<IndexRow> rows;
    std::int64_t version = 0;
    for (const std::int64_t sub : subs) rows.push_back(put({7, sub}, "a", ++version, 7));
    rows.push_back(dead({8, k_huge}, "a"));
    TreeIndex index(classic_rules());
    REQUIRE(fill(index, rows));
    CHECK(index.version_break_count() == 0);
    std::vector<Revision> expected;
    for (const std::int64_t sub : subs) expected.push_back({7, sub});
    expected.push_back({8, k_huge});
    CHECK(test::text_of(all_revisions(index)) == test::text_of(expected));
    for (const Revision r : expected) {
        CAPTURE(r);
        const Slot s = index.find_slot(r);
        REQUIRE(s != k_no_slot);
        CHECK(index.revision(s) == r);
        CHECK(index.is_tombstone(s) == (r.main == 8));
        CHECK(index.is_indexed(s));
    }
    CHECK(index.find_slot({7, k_huge - 2}) == k_no_slot);
    KeyIndex key = *index.find("a");
    CHECK(key.compact(index.bound(MainRevision(7))) == index.find_slot(expected[subs.size() - 1]));
}

TEST_CASE("tree index: rows with main 0 and below are stored rows that no key has") {
    TreeIndex index(classic_rules());
    REQUIRE(fill(index, {put({-5, 0}, "a"), put({0, 0}, "a"), put({0, 1}, "b"), put({2, 0}, "a")}));
    CHECK(index.total().revisions == 4);
    CHECK(index.total().keys == 1);
    CHECK_FALSE(index.is_indexed(index.find_slot({-5, 0})));
    CHECK_FALSE(index.is_indexed(index.find_slot({0, 1})));
    CHECK(index.is_indexed(index.find_slot({2, 0})));
    CHECK(test::index_text(index) == "61 2.0 2.0/1/2.0\n");
    CHECK_FALSE(index.find("b"));
    CHECK(index.key_count() == 2);
}

TEST_CASE("tree index: a tombstone with no earlier row of its key, both settings of the switch") {
    const std::vector<IndexRow> rows{dead({5, 0}, "a"), put({6, 0}, "b"), put({7, 0}, "a"),
                                     dead({8, 0}, "c")};
    TreeIndex without(classic_rules());
    REQUIRE(fill(without, rows));
    CHECK(test::index_text(without) == "61 7.0 7.0/1/7.0\n62 6.0 6.0/1/6.0\n");
    CHECK_FALSE(without.is_indexed(without.find_slot({5, 0})));
    CHECK(without.total().tombstones == 2);
    CHECK(without.total().keys == 2);
    CHECK(without.live_keys() == 2);
    TreeIndex with(keep_at_rev_rules());
    REQUIRE(fill(with, rows));
    CHECK(test::index_text(with) ==
          "61 7.0 0.0/1/5.0;7.0/1/7.0\n62 6.0 6.0/1/6.0\n63 8.0 0.0/1/8.0;0.0/0/\n");
    CHECK(with.total().keys == 3);
    CHECK(with.live_keys() == 2);
}

TEST_CASE("tree index: a second tombstone in a row is not indexed") {
    TreeIndex index(keep_at_rev_rules());
    REQUIRE(fill(index, {put({2, 0}, "a"), dead({3, 0}, "a"), dead({4, 0}, "a"), put({5, 0}, "a")}));
    CHECK_FALSE(index.is_indexed(index.find_slot({4, 0})));
    CHECK(test::index_text(index) == "61 5.0 2.0/2/2.0,3.0;5.0/1/5.0\n");
}

TEST_CASE("tree index: a version that does not follow from the put before it is noticed") {
    struct Case {
        std::string name;
        std::vector<IndexRow> rows;
        std::uint64_t breaks;
    };
    const std::vector<Case> cases{
        {"counting on from any start", {put({2, 0}, "a", 9), put({3, 0}, "a", 10), put({4, 0}, "a", 11)}, 0},
        {"over 255", {put({2, 0}, "a", 255), put({3, 0}, "a", 256), put({4, 0}, "a", 257)}, 0},
        {"again at 1 after a tombstone", {put({2, 0}, "a", 4), dead({3, 0}, "a"), put({4, 0}, "a", 1)}, 0},
        {"going on after a tombstone", {put({2, 0}, "a", 4), dead({3, 0}, "a"), put({4, 0}, "a", 5)}, 1},
        {"repeated", {put({2, 0}, "a", 4), put({3, 0}, "a", 4)}, 1},
        {"left out", {put({2, 0}, "a", 4), put({3, 0}, "a", 6)}, 1},
        {"zero", {put({2, 0}, "a", 1), put({3, 0}, "a", 0)}, 1},
    };
    for (const Case& c : cases) {
        CAPTURE(c.name);
        TreeIndex index(classic_rules());
        REQUIRE(fill(index, c.rows));
        CHECK(index.version_break_count() == c.breaks);
        REQUIRE(index.version_breaks().size() == c.breaks);
        if (c.breaks > 0) CHECK(index.revision(index.version_breaks().front()) == c.rows.back().revision);
    }
    TreeIndex many(classic_rules());
    std::vector<IndexRow> rows;
    for (int i = 2; i < 400; ++i) rows.push_back(put({i, 0}, "a", 1));
    REQUIRE(fill(many, rows));
    CHECK(many.version_break_count() == 397);
    CHECK(many.version_breaks().size() == 100);
    TreeIndex kine(kine_rules(), true);
    REQUIRE(fill(kine, rows));
    CHECK(kine.version_break_count() == 0);
}

TEST_CASE("tree index: kine's prev_revision comes back, near, far, forward and negative") {
    const std::vector<std::pair<std::int64_t, std::int64_t>> rows{
        {10, 0},
        {11, 10},
        {12, 12},
        {13, 5000},
        {14, -3},
        {5'000'000'000, 14},
        {5'000'000'001, 5'000'000'000},
        {1LL << 61, 1},
        {(1LL << 61) + 1, (1LL << 61) - 4294967294}};
    TreeIndex index(kine_rules(), true);
    std::vector<IndexRow> in;
    for (const auto& [id, prev] : rows) {
        in.push_back(put({id, 0}, "a"));
        in.back().prev_revision = prev;
    }
    REQUIRE(fill(index, in));
    for (const auto& [id, prev] : rows) {
        CAPTURE(id);
        CHECK(index.prev_revision_of(index.find_slot({id, 0})) == prev);
    }
    TreeIndex plain(classic_rules());
    REQUIRE(fill(plain, in));
    CHECK(plain.prev_revision_of(1) == 0);
}

TEST_CASE("tree index: gap rows and rows without a place are rows of no key") {
    TreeIndex index(kine_rules(), true);
    IndexRow gap = dead({3, 0}, "gap-3");
    gap.kind = IndexRow::Kind::gap;
    IndexRow lost = put({4, 0}, "x");
    lost.kind = IndexRow::Kind::unkeyed;
    REQUIRE(fill(index, {put({2, 0}, "a"), gap, lost, put({5, 0}, "a")}));
    CHECK(index.total().revisions == 4);
    CHECK(index.total().gaps == 1);
    CHECK(index.total().tombstones == 0);
    CHECK(index.total().keys == 1);
    CHECK(index.key_of(index.find_slot({3, 0})) == k_gap_key);
    CHECK(index.key_of(index.find_slot({4, 0})) == k_no_key);
    CHECK_FALSE(index.is_indexed(index.find_slot({3, 0})));
}

TEST_CASE("tree index: sizes are capped, not wrapped") {
    TreeIndex index(classic_rules());
    IndexRow row = put({2, 0}, "a");
    row.bytes = (1ULL << 40) + 5;
    row.overhead = 1000;
    REQUIRE(fill(index, {row}));
    CHECK(index.bytes_of(0) == 0xFFFFFFFFU);
    CHECK(index.overhead_of(0) == 255);
}

TEST_CASE("tree index: bounds and lookups over blocks that are not full") {
    // Segments of 70000, 3 and 66000 rows: blocks end early twice.
    const std::vector<int> sizes{70000, 3, 66000};
    TreeIndex index(classic_rules());
    index.add_segments(sizes.size());
    RowBatch batch;
    std::int64_t main = 2;
    for (std::size_t s = 0; s < sizes.size(); ++s) {
        for (int i = 0; i < sizes[s]; ++i, main += 2) {
            const std::string key = "k" + std::to_string(main % 977);
            if (!batch.push(put({main, i % 3}, key))) index.add(s, batch);
        }
        index.add(s, batch);
    }
    REQUIRE(index.seal());
    const std::int64_t last = main - 2;
    CHECK(index.total().revisions == 136003);
    CHECK(index.revision(index.last_slot()).main == last);
    Slot before = 0;
    std::size_t rows = 0;
    std::size_t unoccupied = 0;
    for (Slot s = 0; s < index.slot_end(); ++s) unoccupied += index.occupied(s) ? 0U : 1U;
    index.for_each_row(0, index.slot_end(), [&](Slot s) {
        CHECK_FALSE((rows > 0 && s <= before));
        before = s;
        ++rows;
    });
    CHECK(rows == 136003);
    CHECK(index.slot_end() == rows + unoccupied);
    for (const std::int64_t probe :
         {std::int64_t{0}, std::int64_t{2}, std::int64_t{3}, std::int64_t{131070}, std::int64_t{131072},
          std::int64_t{131073}, std::int64_t{140000}, std::int64_t{140001}, std::int64_t{140002},
          std::int64_t{140006}, std::int64_t{140008}, last - 1, last}) {
        CAPTURE(probe);
        const Slot at = index.lower_bound(MainRevision(probe));
        const Slot above = index.upper_bound(MainRevision(probe));
        REQUIRE(index.occupied(at));
        CHECK(index.revision(at).main == std::max<std::int64_t>(2, probe + probe % 2));
        const bool there = probe % 2 == 0 && probe >= 2;
        std::size_t between = 0;
        index.for_each_row(at, above, [&](Slot) { ++between; });
        CHECK(between == (there ? 1U : 0U));
        if (there) CHECK(index.find_slot(index.revision(at)) == at);
        CHECK(index.find_slot({probe, 7}) == k_no_slot);
    }
    CHECK(index.upper_bound(MainRevision(last)) == index.slot_end());
    CHECK(index.lower_bound(MainRevision(last + 1)) == index.slot_end());
    std::size_t in_blocks = 0;
    index.for_each_block(5, index.slot_end() - 1, [&](const TreeIndex::Columns& c) { in_blocks += c.count; });
    CHECK(in_blocks == 136003 - 6);
}
