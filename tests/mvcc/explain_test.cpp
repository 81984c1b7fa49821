#include "kvctl/mvcc/explain.hpp"

#include <doctest/doctest.h>

#include <sstream>
#include <string>

using namespace kvctl;
using namespace kvctl::mvcc;

namespace {

// etcd.md 2.3: put 2.0, put 5.1, delete 7.0, put 9.0, put 10.0, delete 12.0 of one key, another beside it.
TreeIndex app(const CompactionRules& rules) {
    TreeIndex index(rules);
    index.put("app", {2, 0});
    index.put("other", {5, 0});
    index.put("app", {5, 1});
    index.tombstone("app", {7, 0});
    index.put("app", {9, 0});
    index.put("app", {10, 0});
    index.tombstone("app", {12, 0});
    return index;
}

CompactionInput input(std::int64_t current, std::int64_t compacted = -1) {
    return {MainRevision{current}, MainRevision{compacted}, std::nullopt};
}

std::string text(const TreeIndex& index, const std::vector<Explained>& rows) {
    std::ostringstream out;
    for (const Explained& e : rows) {
        out << index.revision(e.slot) << (e.removed ? "-" : "+") << name_of(e.reason);
        if (e.by) out << "(" << *e.by << ")";
        out << " ";
    }
    return out.str();
}

std::string explained(const TreeIndex& index, const CompactionInput& in, std::int64_t at,
                      std::string_view key = "app") {
    const CompactionPlan plan = plan_compaction(index, in, MainRevision{at});
    return text(index, explain_key(index, plan, *find_stored_key(index, key)));
}

}  // namespace

TEST_CASE("explain: each revision of the worked example has its verdict, reason and cause") {
    struct Row {
        std::int64_t at;
        const char* classic;
        const char* keep;  // null: the same
    };
    const Row rows[] = {
        {1, "2.0+newer 5.1+newer 7.0+newer 9.0+newer 10.0+newer 12.0+newer ", nullptr},
        {4, "2.0+latest 5.1+newer 7.0+newer 9.0+newer 10.0+newer 12.0+newer ", nullptr},
        {6, "2.0-superseded(5.1) 5.1+latest 7.0+newer 9.0+newer 10.0+newer 12.0+newer ", nullptr},
        {7, "2.0-superseded(5.1) 5.1-superseded(7.0) 7.0-tombstone 9.0+newer 10.0+newer 12.0+newer ",
         "2.0-superseded(5.1) 5.1-superseded(7.0) 7.0+tombstone-at-target 9.0+newer 10.0+newer 12.0+newer "},
        {10,
         "2.0-superseded(5.1) 5.1-superseded(7.0) 7.0-tombstone 9.0-superseded(10.0) 10.0+latest 12.0+newer ",
         nullptr},
        {12,
         "2.0-superseded(5.1) 5.1-superseded(7.0) 7.0-tombstone 9.0-superseded(10.0) 10.0-superseded(12.0) "
         "12.0-tombstone ",
         "2.0-superseded(5.1) 5.1-superseded(7.0) 7.0-tombstone 9.0-superseded(10.0) 10.0-superseded(12.0) "
         "12.0+tombstone-at-target "},
    };
    for (const Row& row : rows) {
        CAPTURE(row.at);
        CHECK(explained(app(classic_rules()), input(12), row.at) == std::string(row.classic));
        CHECK(explained(app(keep_at_rev_rules()), input(12), row.at) ==
              std::string(row.keep != nullptr ? row.keep : row.classic));
    }
}

TEST_CASE("explain: below the compact revision nothing would go") {
    CHECK(
        explained(app(classic_rules()), input(12, 9), 6) ==
        "2.0+already-compacted 5.1+already-compacted 7.0+already-compacted 9.0+already-compacted 10.0+newer "
        "12.0+newer ");
}

TEST_CASE("explain: a live revision that etcd's rule loses is laid at the tombstone beside it") {
    TreeIndex index(keep_at_rev_rules());
    index.put("b", {8, 0});
    index.tombstone("b", {9, 0});
    index.put("b", {9, 4});
    CHECK(explained(index, input(9), 9, "b") ==
          "8.0-superseded(9.0) 9.0+tombstone-at-target 9.4-superseded(9.0) ");
}

TEST_CASE("explain: rows that the index does not know are explained too") {
    TreeIndex index(classic_rules());
    index.add_segments(1);
    RowBatch batch;
    batch.push({.revision = {3, 0}, .tombstone = true, .key = "lost"});
    batch.push({.revision = {4, 0}, .key = "there", .create_revision = 4, .version = 1});
    index.add(0, batch);
    REQUIRE(index.seal());
    CHECK_FALSE(index.find("lost"));
    CHECK(explained(index, input(4), 4, "lost") == "3.0-tombstone ");
    CHECK(explained(index, input(4), 2, "lost") == "3.0+newer ");
    CHECK_FALSE(find_stored_key(index, "nothing"));
}

TEST_CASE("explain: by revision, all rows of a main or one") {
    const TreeIndex index = app(classic_rules());
    const CompactionPlan plan = plan_compaction(index, input(12), MainRevision{7});
    CHECK(text(index, explain_revision(index, plan, MainRevision{5}, std::nullopt)) ==
          "5.0+latest 5.1-superseded(7.0) ");
    CHECK(text(index, explain_revision(index, plan, MainRevision{5}, 1)) == "5.1-superseded(7.0) ");
    CHECK(explain_revision(index, plan, MainRevision{5}, 2).empty());
    CHECK(explain_revision(index, plan, MainRevision{6}, std::nullopt).empty());
}

TEST_CASE("explain: verdicts are the plan's, on random histories, under both rules") {
    std::uint64_t state = 7;
    const auto below = [&](std::uint64_t n) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        return (state >> 33) % n;
    };
    for (int round = 0; round < 40; ++round) {
        TreeIndex index(round % 2 == 0 ? classic_rules() : keep_at_rev_rules());
        for (std::int64_t r = 2; r < 40; ++r) {
            const std::string key(1, static_cast<char>('a' + below(4)));
            if (below(4) != 0 || !index.tombstone(key, {r, 0})) index.put(key, {r, 0});
        }
        const auto at = static_cast<std::int64_t>(1 + below(39));
        const CompactionPlan plan = plan_compaction(index, input(39), MainRevision{at});
        std::uint64_t removed = 0;
        for (const KeyId id : index.sorted_keys()) {
            for (const Explained& e : explain_key(index, plan, id)) {
                removed += e.removed ? 1 : 0;
                CHECK(e.removed == plan.removed_slots.contains(e.slot));
                CHECK(e.removed == (e.reason == Explained::Reason::superseded ||
                                    e.reason == Explained::Reason::tombstone));
                CHECK(e.by.has_value() == (e.reason == Explained::Reason::superseded));
                if (e.by) CHECK(*e.by > index.revision(e.slot));
            }
        }
        CHECK(removed == plan.removed.revisions);
    }
}
