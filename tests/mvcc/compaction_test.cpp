#include <doctest/doctest.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/mvcc/prefixes.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/index_builder.hpp"
#include "tests/support/sample_store.hpp"

using namespace kvctl;
using namespace kvctl::mvcc;
using test::index_of;
using test::removed_by;
using test::text_of;
using test::naive::Row;
using test::naive::Store;

namespace {

CompactionInput input(std::int64_t current, std::int64_t compacted = -1) {
    return {MainRevision(current), MainRevision(compacted), std::nullopt};
}

CompactionPlan plan_at(const TreeIndex& index, std::int64_t current, std::int64_t at) {
    return plan_compaction(index, input(current), MainRevision(at));
}

struct KineRow {
    std::int64_t id;
    std::string key;
    bool tombstone;
    std::int64_t prev;
};

TreeIndex kine_tree(const std::vector<KineRow>& rows) {
    TreeIndex index(kine_rules(), true);
    index.add_segments(1);
    RowBatch batch;
    for (const KineRow& r : rows) {
        IndexRow row;
        row.revision = {r.id, 0};
        row.key = r.key;
        row.tombstone = r.tombstone;
        row.kind = r.key.empty()               ? IndexRow::Kind::unkeyed
                   : r.key.starts_with("gap-") ? IndexRow::Kind::gap
                                               : IndexRow::Kind::keyed;
        row.version = r.tombstone ? 0 : 1;
        row.prev_revision = r.prev;
        row.bytes = 10;
        batch.push(row);
    }
    index.add(0, batch);
    REQUIRE(index.seal());
    return index;
}

// The worked example of kine.md 6, without the compact row.
std::vector<KineRow> kine_example() {
    return {{2, "/registry/health", false, 0},
            {3, "A", false, 0},
            {4, "B", false, 0},
            {5, "A", false, 3},
            {6, "gap-6", true, 0},
            {7, "B", true, 4},
            {8, "C", false, 0},
            {9, "A", true, 5},
            {10, "B", false, 7},
            {11, "C", false, 8},
            {12, "D", false, 0},
            {13, "D", true, 12},
            {14, "B", false, 10},
            {15, "A", false, 9},
            {16, "C", true, 11},
            {17, "D", false, 13}};
}

}  // namespace

TEST_CASE("compaction: what each revision removes from the recorded fixture, both rules") {
    struct Expected {
        std::int64_t at;
        std::string classic;
        std::string keep;
    };
    const std::vector<Expected> rows{
        {1, "", ""},
        {2, "", ""},
        {3, "", ""},
        {4, "2.0", "2.0"},
        {5, "2.0 4.0 5.0", "2.0 4.0"},
        {6, "2.0 4.0 5.0", "2.0 4.0 5.0"},
        {7, "2.0 3.0 4.0 5.0 7.2", "2.0 3.0 4.0 5.0"},
        {8, "2.0 3.0 4.0 5.0 7.2", "2.0 3.0 4.0 5.0 7.2"},
    };
    const std::vector<Row> stored = test::sample_history().row_list();
    REQUIRE(stored.size() == 9);
    const TreeIndex classic = index_of(stored, classic_rules());
    const TreeIndex keep = index_of(stored, keep_at_rev_rules());
    for (const Expected& e : rows) {
        CAPTURE(e.at);
        const CompactionPlan a = plan_at(classic, 8, e.at);
        CHECK(text_of(removed_by(classic, a)) == e.classic);
        const CompactionPlan b = plan_at(keep, 8, e.at);
        CHECK(text_of(removed_by(keep, b)) == e.keep);
        CHECK(a.kind == CompactionPlan::Kind::compact);
        CHECK(a.compacted_before.value() == -1);
        CHECK(a.compacted_after.value() == e.at);
        CHECK(a.lost_live.empty());
        CHECK(b.lost_live.empty());
        CHECK(a.before.revisions == a.removed.revisions + a.kept.revisions);
        CHECK(a.before.keys == a.removed.keys + a.kept.keys);
        CHECK(a.before.bytes == a.removed.bytes + a.kept.bytes);
    }
}

TEST_CASE("compaction: counts of a plan") {
    const TreeIndex index = index_of(test::sample_history().row_list(), classic_rules());
    const CompactionPlan plan = plan_at(index, 8, 7);
    // foo 3 puts and a tombstone, bar a put and a tombstone, k1, k2, b; bytes are key and value.
    CHECK(plan.before == Tally{9, 2, 5, 5 + 5 + 5 + 3 + 5 + 3 + 3 + 3 + 2, 0, 0});
    CHECK(plan.removed == Tally{5, 2, 1, 5 + 5 + 5 + 3 + 3, 0, 0});
    CHECK(plan.kept == Tally{4, 0, 4, 5 + 3 + 3 + 2, 0, 0});
    CHECK(plan == plan_at(index, 8, 7));
    CHECK_FALSE(plan == plan_at(index, 8, 6));
}

TEST_CASE("compaction: a delete and a put of one key in one request, both rules") {
    const std::vector<Row> stored = test::hazard_history().row_list();
    const TreeIndex classic = index_of(stored, classic_rules());
    const CompactionPlan fine = plan_at(classic, 9, 9);
    CHECK(fine.kept.revisions == 1);
    CHECK(fine.lost_live.empty());
    CHECK_FALSE(fine.removed_slots.contains(classic.find_slot({9, 4})));
    const TreeIndex keep = index_of(stored, keep_at_rev_rules());
    const CompactionPlan lossy = plan_at(keep, 9, 9);
    CHECK(text_of(lossy.lost_live) == "9.4");
    CHECK(lossy.removed_slots.contains(keep.find_slot({9, 4})));
    CHECK(lossy.kept.revisions == 4);
    CHECK(plan_at(keep, 9, 8).lost_live.empty());
}

TEST_CASE("compaction: 0 is accepted once, the current revision is legal, beyond it is not") {
    const TreeIndex index = index_of(test::sample_history().row_list(), classic_rules());
    const CompactionPlan zero = plan_at(index, 8, 0);
    CHECK(zero.kind == CompactionPlan::Kind::compact);
    CHECK(zero.removed == Tally{});
    CHECK(zero.compacted_after.value() == 0);
    CHECK(plan_compaction(index, input(8, 0), MainRevision(0)).kind ==
          CompactionPlan::Kind::already_compacted);
    CHECK(plan_compaction(index, input(8, 5), MainRevision(5)).kind ==
          CompactionPlan::Kind::already_compacted);
    const CompactionPlan below = plan_compaction(index, input(8, 5), MainRevision(3));
    CHECK(below.kind == CompactionPlan::Kind::already_compacted);
    CHECK(below.compacted_after.value() == 5);
    CHECK(below.removed == Tally{});
    CHECK(below.kept == below.before);
    CHECK(plan_at(index, 8, 8).kind == CompactionPlan::Kind::compact);
    test::check_error(ErrorKind::future_revision, "required revision is a future revision",
                      [&] { (void)plan_at(index, 8, 9); });
    test::check_error(ErrorKind::future_revision, "the store's current revision is 8",
                      [&] { (void)plan_at(index, 8, 9); });
}

TEST_CASE("compaction: one that was cut short is finished first") {
    const TreeIndex index = index_of(test::sample_history().row_list(), classic_rules());
    CompactionInput cut = input(8, 2);
    cut.scheduled = MainRevision(5);
    struct Expected {
        std::int64_t at;
        std::int64_t after;
        std::string removed;
    };
    for (const Expected& row : std::vector<Expected>{{1, 5, "2.0 4.0 5.0"},
                                                     {4, 5, "2.0 4.0 5.0"},
                                                     {5, 5, "2.0 4.0 5.0"},
                                                     {7, 7, "2.0 3.0 4.0 5.0 7.2"}}) {
        CAPTURE(row.at);
        const CompactionPlan plan = plan_compaction(index, cut, MainRevision(row.at));
        CHECK(plan.kind == CompactionPlan::Kind::compact);
        CHECK(plan.compacted_before.value() == 2);
        CHECK(plan.compacted_after.value() == row.after);
        CHECK(effective_target(cut, MainRevision(row.at)).value() == row.after);
        CHECK(plan.target.value() == row.at);
        REQUIRE(plan.finishes);
        CHECK(plan.finishes->value() == 5);
        CHECK(text_of(removed_by(index, plan)) == row.removed);
    }
}

TEST_CASE("compaction: rows of main 0 and tombstones nobody knows go, negative ones never") {
    std::vector<Row> rows;
    rows.push_back({{-7, 0}, false, "n", -7, 1, 0, "v"});
    rows.push_back({{0, 0}, false, "z", 0, 1, 0, "v"});
    rows.push_back({{2, 0}, true, "orphan", 0, 0, 0, ""});
    rows.push_back({{3, 0}, false, "a", 3, 1, 0, "v"});
    const TreeIndex classic = index_of(rows, classic_rules());
    CHECK(text_of(removed_by(classic, plan_at(classic, 3, 2))) == "0.0 2.0");
    const TreeIndex keep = index_of(rows, keep_at_rev_rules());
    CHECK(text_of(removed_by(keep, plan_at(keep, 3, 2))) == "0.0");
    CHECK(text_of(removed_by(keep, plan_at(keep, 3, 3))) == "0.0 2.0");
}

TEST_CASE("compaction: why each revision goes, and because of which") {
    const TreeIndex index = index_of(test::sample_history().row_list(), classic_rules());
    const CompactionPlan plan = plan_at(index, 8, 7);
    std::vector<std::string> lines;
    RemovedRows(index, plan).for_each([&](const RemovedRow& row) {
        std::ostringstream line;
        line << index.revision(row.slot) << ' ' << name_of(row.reason);
        if (row.by) line << " by " << *row.by;
        lines.push_back(line.str());
    });
    CHECK(lines == std::vector<std::string>{"2.0 superseded by 4.0", "3.0 superseded by 7.2",
                                            "4.0 superseded by 5.0", "5.0 tombstone", "7.2 tombstone"});
}

TEST_CASE("compaction: prefixes, the largest removal first, at most twenty") {
    std::vector<Row> rows;
    std::int64_t main = 2;
    for (int p = 0; p < 25; ++p) {
        const std::string key = "/registry/kind" + std::to_string(p) + "/ns/x";
        for (int i = 0; i <= p % 5; ++i) {
            rows.push_back(
                {{main, 0}, false, key, main - i, i + 1, 0, std::string(static_cast<std::size_t>(p), 'v')});
            ++main;
        }
    }
    const TreeIndex index = index_of(rows, classic_rules());
    const CompactionPlan plan = plan_at(index, main - 1, main - 1);
    const PrefixList prefixes = largest_prefixes(index, plan);
    CHECK(prefixes.largest.size() == 20);
    CHECK(prefixes.truncated);
    CHECK(prefixes.largest.front().prefix == "/registry/kind24/");
    CHECK(prefixes.largest.front().keys == 1);
    CHECK(prefixes.largest.front().revisions == 5);
    CHECK(prefixes.largest.front().removed_revisions == 4);
    CHECK(prefixes.largest.front().removed_bytes == 4 * (rows.back().key.size() + 24));
    for (std::size_t i = 1; i < prefixes.largest.size(); ++i)
        CHECK(prefixes.largest[i - 1].removed_bytes >= prefixes.largest[i].removed_bytes);
}

TEST_CASE("compaction: the worked example of kine.md 6") {
    const TreeIndex index = kine_tree(kine_example());
    const auto removed = [&](std::int64_t at) {
        const CompactionPlan p = plan_compaction(index, input(17, 0), MainRevision(at));
        CHECK_FALSE(p.kept_current);
        CHECK(p.removed.orphans == 0);
        return text_of(removed_by(index, p));
    };
    CHECK(removed(12) == "3.0 4.0 5.0 6.0 7.0 8.0 9.0");
    CHECK(removed(13) == "3.0 4.0 5.0 6.0 7.0 8.0 9.0 12.0 13.0");
    CHECK(removed(16) == "3.0 4.0 5.0 6.0 7.0 8.0 9.0 10.0 11.0 12.0 13.0 16.0");
    CHECK(removed(17) == removed(16));
    const CompactionPlan p = plan_compaction(index, input(17, 0), MainRevision(16));
    CHECK(p.removed.gaps == 1);
    CHECK(p.removed.tombstones == 4);
    CHECK(p.removed.revisions == 12);
    CHECK(p.removed.keys == 1);  // C
    CHECK(p.kept.keys == 4);
}

TEST_CASE("compaction: kine never loses the row of the current revision") {
    std::vector<KineRow> rows{{2, "a", false, 0}, {3, "a", true, 2}};
    const TreeIndex tombstone = kine_tree(rows);
    const CompactionPlan p = plan_compaction(tombstone, input(3, 0), MainRevision(3));
    CHECK(text_of(removed_by(tombstone, p)) == "2.0");
    REQUIRE(p.kept_current);
    CHECK(*p.kept_current == Revision{3, 0});
    CHECK(p.removed.keys == 0);
    CHECK(p.kept.keys == 1);
    const TreeIndex gap = kine_tree({{2, "a", false, 0}, {3, "gap-3", true, 0}});
    const CompactionPlan g = plan_compaction(gap, input(3, 0), MainRevision(3));
    CHECK(g.removed.revisions == 0);
    CHECK(g.kept_current);
    // The compact row may be the newest: then the tombstone is not the current revision's row.
    const CompactionPlan free = plan_compaction(tombstone, input(4, 0), MainRevision(4));
    CHECK(text_of(removed_by(tombstone, free)) == "2.0 3.0");
    CHECK(free.removed.keys == 1);
}

TEST_CASE("compaction: kine's orphans, gaps, foreign pointers and rows without a place") {
    const TreeIndex index = kine_tree({{2, "o", false, 0},
                                       {3, "o", false, 900000},
                                       {4, "o", false, 3},
                                       {5, "gap-5", true, 0},
                                       {6, "Foo", false, 0},
                                       {7, "foo", false, 6},
                                       {8, "", false, 0},
                                       {9, "z", false, 0}});
    const CompactionPlan p = plan_compaction(index, input(9, 0), MainRevision(9));
    CHECK(text_of(removed_by(index, p)) == "2.0 3.0 5.0");
    CHECK(p.removed.orphans == 1);
    CHECK(p.orphans.contains(index.find_slot({2, 0})));
    CHECK(p.cross_key_pointers == 1);
    CHECK(p.dangling_pointers == 1);
    std::map<std::int64_t, RemovedRow> why;
    RemovedRows(index, p).for_each([&](const RemovedRow& r) { why[index.revision(r.slot).main] = r; });
    CHECK(why.at(2).reason == RemovalReason::orphan);
    CHECK(why.at(2).by == Revision{4, 0});  // the newest row of the key at or below the target
    CHECK(why.at(3).reason == RemovalReason::superseded);
    CHECK(why.at(3).by == Revision{4, 0});
    CHECK(why.at(5).reason == RemovalReason::gap);
    CHECK_FALSE(why.at(5).by);
}

TEST_CASE("compaction: digests are equal for equal sets of rows, whatever the order, and differ else") {
    const std::vector<Row> rows = test::sample_history().row_list();
    const TreeIndex index = index_of(rows, classic_rules());
    const CompactionPlan plan = plan_at(index, 8, 7);
    std::vector<Row> left;
    for (const Row& r : rows) {
        if (!plan.removed_slots.contains(index.find_slot(r.revision))) left.push_back(r);
    }
    const TreeIndex after = index_of(left, classic_rules());
    const std::uint64_t digest = digest_rows(after, after.slot_end(), nullptr, true);
    CHECK(digest == digest_rows(index, index.slot_end(), &plan.removed_slots, true));
    const auto changed = [&](auto change) {
        std::vector<Row> other = left;
        change(other);
        const TreeIndex tree = index_of(other, classic_rules());
        return digest_rows(tree, tree.slot_end(), nullptr, true);
    };
    CHECK(changed([](std::vector<Row>&) {}) == digest);
    CHECK(changed([](std::vector<Row>& r) { r.pop_back(); }) != digest);
    CHECK(changed([](std::vector<Row>& r) { r.back().key = "c"; }) != digest);
    CHECK(changed([](std::vector<Row>& r) { r.back().value += "x"; }) != digest);
    CHECK(changed([](std::vector<Row>& r) { r.back().tombstone = true; }) != digest);
    CHECK(changed([](std::vector<Row>& r) { r.back().revision.sub = 1; }) != digest);
    CHECK(changed([](std::vector<Row>& r) { std::swap(r[1].key, r[2].key); }) != digest);
}
