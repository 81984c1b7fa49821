#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "kvctl/mvcc/chain.hpp"
#include "tests/support/index_builder.hpp"

using namespace kvctl;
using namespace kvctl::mvcc;

namespace {

struct Row {
    std::int64_t id;
    std::string key;
    std::int64_t prev;
};

TreeIndex tree_of(const std::vector<Row>& rows) {
    TreeIndex index(kine_rules(), true);
    index.add_segments(1);
    RowBatch batch;
    for (const Row& r : rows) {
        IndexRow row;
        row.revision = {r.id, 0};
        row.key = r.key;
        row.version = 1;
        row.prev_revision = r.prev;
        batch.push(row);
    }
    index.add(0, batch);
    REQUIRE(index.seal());
    return index;
}

}  // namespace

TEST_CASE("chain: a sound one refers to every row but the newest of each key") {
    const TreeIndex index = tree_of({{2, "a", 0}, {3, "b", 0}, {4, "a", 2}, {5, "b", 3}, {6, "a", 4}});
    const ChainAudit all = audit_chain(index, index.slot_end(), MainRevision(0));
    CHECK(test::text_of(test::revisions_of(index, all.referenced)) == "2.0 3.0 4.0");
    CHECK(all.cross_key_pointers == 0);
    CHECK(all.dangling_pointers == 0);
    CHECK(all.forward_pointers == 0);
    // A row beyond the limit refers to nothing below it.
    const ChainAudit low = audit_chain(index, index.lower_bound(MainRevision(5)), MainRevision(0));
    CHECK(test::text_of(test::revisions_of(index, low.referenced)) == "2.0");
}

TEST_CASE("chain: pointers at another key, at nothing and forward are told apart") {
    struct Case {
        std::string name;
        std::vector<Row> rows;
        std::int64_t compacted;
        std::uint64_t cross;
        std::uint64_t dangling;
        std::uint64_t forward;
        std::string referenced;
    };
    const std::vector<Case> cases{
        {"another key", {{2, "Foo", 0}, {3, "foo", 2}}, 0, 1, 0, 0, "2.0"},
        {"a row that went with a compaction", {{9, "a", 4}}, 4, 0, 0, 0, ""},
        {"a row missing above the compact revision", {{9, "a", 5}}, 4, 0, 1, 0, ""},
        {"itself", {{9, "a", 9}}, 0, 0, 0, 1, "9.0"},
        {"a later row of its key", {{9, "a", 12}, {12, "a", 0}}, 0, 0, 0, 1, "12.0"},
        {"a later row of another key", {{9, "a", 12}, {12, "b", 0}}, 0, 1, 0, 1, "12.0"},
        {"a later row that is not there", {{9, "a", 12}}, 0, 0, 1, 1, ""},
        {"a negative id", {{9, "a", -4}}, 0, 0, 0, 0, ""},
        {"a row of the key before the last", {{2, "a", 0}, {3, "a", 2}, {4, "a", 2}}, 0, 0, 0, 0, "2.0"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.name);
        const TreeIndex index = tree_of(c.rows);
        const ChainAudit audit = audit_chain(index, index.slot_end(), MainRevision(c.compacted));
        CHECK(audit.cross_key_pointers == c.cross);
        CHECK(audit.dangling_pointers == c.dangling);
        CHECK(audit.forward_pointers == c.forward);
        CHECK(test::text_of(test::revisions_of(index, audit.referenced)) == c.referenced);
    }
}
