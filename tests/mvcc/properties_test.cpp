#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "kvctl/base/error.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/mvcc/hash.hpp"
#include "tests/support/index_builder.hpp"

using namespace kvctl;
using namespace kvctl::mvcc;
using test::index_of;
using test::text_of;
using test::naive::Row;
using test::naive::Rules;
using test::naive::Store;

namespace {

// Numbers below n from a fixed seed, the same with every standard library.
class Dice {
  public:
    explicit Dice(std::uint32_t seed) : engine_(seed) {}
    std::size_t below(std::size_t n) { return engine_() % n; }
    bool one_in(std::size_t n) { return below(n) == 0; }

  private:
    std::mt19937 engine_;
};

// A random history of requests of up to four changes; a key may be touched twice in one, as a store allows.
Store random_history(std::uint32_t seed, const Rules& rules, bool twice_in_one = true) {
    Dice dice(seed);
    Store s(rules);
    const std::size_t keys = 1 + dice.below(12);
    const std::size_t requests = 1 + dice.below(70);
    const std::size_t deletes = 2 + dice.below(5);
    for (std::size_t i = 0; i < requests; ++i) {
        std::set<std::string> touched;
        for (std::size_t n = 1 + (dice.one_in(3) ? dice.below(4) : 0); n > 0; --n) {
            const std::string key = "k" + std::to_string(dice.below(keys));
            if (!touched.insert(key).second && !twice_in_one) continue;
            if (dice.one_in(deletes)) {
                s.remove(key);
            } else {
                s.put(key, std::to_string(i) + std::string(dice.below(9), 'x'));
            }
        }
        s.end();
    }
    return s;
}

std::vector<Row> without(const std::vector<Row>& rows, const TreeIndex& index, const CompactionPlan& plan) {
    std::vector<Row> left;
    for (const Row& r : rows) {
        const Slot s = index.find_slot(r.revision);
        if (!plan.removed_slots.contains(s)) left.push_back(r);
    }
    return left;
}

CompactionInput input_of(const Store& s) {
    return {MainRevision(s.current()), MainRevision(s.compacted()), std::nullopt};
}

// Values by key that a read at `at` sees, through the library's index.
std::map<std::string, Revision> read(const TreeIndex& index, std::int64_t at) {
    std::map<std::string, Revision> seen;
    for (const KeyId id : index.sorted_keys()) {
        if (const auto found = index.key_index(id).get(MainRevision(at)))
            seen[std::string(index.key(id))] = found->modified;
    }
    return seen;
}

constexpr std::uint32_t k_histories = 300;

}  // namespace

TEST_CASE("properties: the index built from rows equals the model's, rebuilt and live") {
    for (const Rules& model : {test::naive::k_classic, test::naive::k_keep}) {
        for (std::uint32_t seed = 1; seed <= 100; ++seed) {
            CAPTURE(seed);
            const Store store = random_history(seed, model);
            const std::vector<Row> rows = store.row_list();
            const TreeIndex index = index_of(rows, test::rules_like(model));
            const Store again = Store::reopened(model, rows, -1);
            CHECK(test::index_text(index) == test::naive::index_text(again.index()));
            CHECK(test::index_text(test::live_index_of(rows, test::rules_like(model))) ==
                  test::naive::index_text(store.index()));
            for (std::size_t segments = 2; segments <= 7; segments += 5) {
                const TreeIndex parts = index_of(rows, test::rules_like(model), segments);
                CHECK(test::index_text(parts) == test::index_text(index));
                CHECK(parts.total() == index.total());
                CHECK(parts.live_keys() == index.live_keys());
                CHECK(parts.version_break_count() == 0);
            }
        }
    }
}

TEST_CASE("properties: a plan is the model's compaction, key by key and as a whole, rebuilt every time") {
    for (const Rules& model : {test::naive::k_classic, test::naive::k_keep}) {
        for (std::uint32_t seed = 1; seed <= k_histories; ++seed) {
            Dice dice(seed + 7000);
            const std::vector<Row> first = random_history(seed, model).row_list();
            Store store = Store::reopened(model, first, -1);
            // A run of compactions, each on what the one before left on disk.
            for (std::int64_t at = static_cast<std::int64_t>(dice.below(4)); at <= store.current();
                 at += 1 + static_cast<std::int64_t>(dice.below(9))) {
                CAPTURE(seed);
                CAPTURE(at);
                const std::vector<Row> rows = store.row_list();
                const TreeIndex index = index_of(rows, test::rules_like(model));
                const CompactionPlan plan = plan_compaction(index, input_of(store), MainRevision(at));
                std::vector<Revision> gone;
                REQUIRE(store.compact(at, &gone) == Store::Answer::done);
                REQUIRE(text_of(test::removed_by(index, plan)) == text_of(gone));
                CHECK(test::index_text_after(index, at) == test::naive::index_text(store.index()));
                CHECK(text_of(plan.lost_live) == text_of([&] {
                          std::vector<Revision> lost = store.lost(at);
                          std::sort(lost.begin(), lost.end());
                          return lost;
                      }()));
                CHECK(plan.before.keys == plan.kept.keys + plan.removed.keys);
                CHECK(plan.kept.keys == store.index().size());
                // The store equals the scan minus the plan.
                const std::vector<Row> left = without(rows, index, plan);
                REQUIRE(left.size() == store.rows().size());
                CHECK(plan.kept.revisions == left.size());
                store = Store::reopened(model, left, at);
                if (!plan.lost_live.empty()) break;  // such a store is damaged from here on
            }
        }
    }
}

TEST_CASE("properties: every read at or above the revision is the same after the compaction") {
    for (const Rules& model : {test::naive::k_classic, test::naive::k_keep}) {
        for (std::uint32_t seed = 1; seed <= k_histories; ++seed) {
            Dice dice(seed + 99);
            // Etcd's keep-at-rev rule itself loses live revisions where one request deletes and puts a key.
            const Store store = random_history(seed, model, !model.keep_at_rev);
            const std::vector<Row> rows = store.row_list();
            const TreeIndex index = index_of(rows, test::rules_like(model));
            const auto at =
                static_cast<std::int64_t>(dice.below(static_cast<std::size_t>(store.current()) + 1));
            const CompactionPlan plan = plan_compaction(index, input_of(store), MainRevision(at));
            const TreeIndex after = index_of(without(rows, index, plan), test::rules_like(model));
            for (std::int64_t r = at; r <= store.current() + 1; ++r) {
                CAPTURE(seed);
                CAPTURE(at);
                CAPTURE(r);
                const auto seen = read(index, r);
                CHECK(read(after, r) == seen);
                const auto values = store.read(r);
                REQUIRE(values.size() == seen.size());
                for (const auto& [key, revision] : seen)
                    CHECK(store.rows().at(revision).value == values.at(key));
            }
            // Watches from above the revision see the same.
            for (const KeyId id : after.sorted_keys()) {
                const KeyIndex key = after.key_index(id);
                CHECK(text_of(key.since(MainRevision(at + 1))) ==
                      text_of(index.find(key.key())->since(MainRevision(at + 1))));
            }
        }
    }
}

TEST_CASE("properties: a larger revision removes no less (but for what keep-at-rev keeps at it)") {
    for (const Rules& model : {test::naive::k_classic, test::naive::k_keep}) {
        for (std::uint32_t seed = 1; seed <= 120; ++seed) {
            const Store store = random_history(seed, model, !model.keep_at_rev);
            const TreeIndex index = index_of(store.row_list(), test::rules_like(model));
            std::set<Revision> before;
            for (std::int64_t at = 0; at <= store.current(); ++at) {
                CAPTURE(seed);
                CAPTURE(at);
                const CompactionPlan plan = plan_compaction(index, input_of(store), MainRevision(at));
                const std::set<Revision> now = test::revisions_of(index, plan.removed_slots);
                CHECK(std::includes(now.begin(), now.end(), before.begin(), before.end()));
                before = now;
            }
        }
    }
}

TEST_CASE(
    "properties: planning again what was executed finds it compacted, a step in between changes nothing") {
    for (const Rules& model : {test::naive::k_classic, test::naive::k_keep}) {
        for (std::uint32_t seed = 1; seed <= k_histories; ++seed) {
            Dice dice(seed + 5);
            const Store store = random_history(seed, model, !model.keep_at_rev);
            const CompactionRules rules = test::rules_like(model);
            const std::vector<Row> rows = store.row_list();
            const auto at =
                static_cast<std::int64_t>(dice.below(static_cast<std::size_t>(store.current()) + 1));
            const auto half = static_cast<std::int64_t>(dice.below(static_cast<std::size_t>(at) + 1));
            const TreeIndex index = index_of(rows, rules);
            const std::vector<Row> once =
                without(rows, index, plan_compaction(index, input_of(store), MainRevision(at)));
            const std::vector<Row> first =
                without(rows, index, plan_compaction(index, input_of(store), MainRevision(half)));
            const TreeIndex between = index_of(first, rules);
            const CompactionInput then{MainRevision(store.current()), MainRevision(half), std::nullopt};
            CAPTURE(seed);
            CAPTURE(at);
            CAPTURE(half);
            const CompactionPlan second = plan_compaction(between, then, MainRevision(at));
            const std::vector<Row> both = without(first, between, second);
            REQUIRE(both.size() == once.size());
            for (std::size_t i = 0; i < both.size(); ++i) CHECK(both[i].revision == once[i].revision);

            const TreeIndex after = index_of(once, rules);
            const CompactionInput done{MainRevision(store.current()), MainRevision(at), std::nullopt};
            const CompactionPlan again = plan_compaction(after, done, MainRevision(at));
            CHECK(again.kind == CompactionPlan::Kind::already_compacted);
            CHECK(again.removed == Tally{});
            CHECK(again.kept == again.before);
            CHECK(again.compacted_after.value() == at);
        }
    }
}

TEST_CASE("properties: a compaction cut short at any row is finished to the same rows") {
    for (const Rules& model : {test::naive::k_classic, test::naive::k_keep}) {
        for (std::uint32_t seed = 1; seed <= 60; ++seed) {
            Dice dice(seed + 31);
            const Store store = random_history(seed, model, !model.keep_at_rev);
            const CompactionRules rules = test::rules_like(model);
            const std::vector<Row> rows = store.row_list();
            const auto at =
                static_cast<std::int64_t>(dice.below(static_cast<std::size_t>(store.current()) + 1));
            const TreeIndex index = index_of(rows, rules);
            const CompactionPlan plan = plan_compaction(index, input_of(store), MainRevision(at));
            const std::vector<Row> whole = without(rows, index, plan);
            const std::vector<Revision> doomed = test::removed_by(index, plan);
            for (std::size_t cut = 0; cut <= doomed.size(); ++cut) {
                CAPTURE(seed);
                CAPTURE(at);
                CAPTURE(cut);
                std::vector<Row> half;
                for (const Row& r : rows) {
                    const auto end = doomed.begin() + static_cast<std::ptrdiff_t>(cut);
                    if (std::find(doomed.begin(), end, r.revision) == end) half.push_back(r);
                }
                const TreeIndex reopened = index_of(half, rules);
                CHECK(reopened.version_break_count() == 0);
                CompactionInput pending = input_of(store);
                pending.scheduled = MainRevision(at);
                const CompactionPlan rest = plan_compaction(reopened, pending, MainRevision(0));
                const std::vector<Row> left = without(half, reopened, rest);
                REQUIRE(left.size() == whole.size());
                for (std::size_t i = 0; i < left.size(); ++i) CHECK(left[i].revision == whole[i].revision);
            }
        }
    }
}

TEST_CASE("properties: the hash is the model's at every revision, before and after compactions") {
    for (const Rules& model : {test::naive::k_classic, test::naive::k_keep}) {
        for (std::uint32_t seed = 1; seed <= 120; ++seed) {
            Dice dice(seed + 400);
            Store store = random_history(seed, model);
            for (int round = 0; round < 3; ++round) {
                store = Store::reopened(model, store.row_list(), store.compacted());
                for (std::int64_t at = -1; at <= store.current() + 1; ++at) {
                    CAPTURE(seed);
                    CAPTURE(round);
                    CAPTURE(at);
                    std::optional<std::uint32_t> got;
                    try {
                        KvHash::Request request;
                        request.rules = test::rules_like(model);
                        request.current = MainRevision(store.current());
                        request.compacted = MainRevision(store.compacted());
                        request.at = MainRevision(at);
                        KvHash hash(request);
                        for (const auto& [r, row] : store.rows()) {
                            Record record;
                            record.revision = r;
                            record.tombstone = row.tombstone;
                            record.key = row.key;
                            record.create_revision = row.create_revision;
                            record.version = row.version;
                            record.value = row.value;
                            hash.add(record);
                        }
                        got = hash.finish().hash;
                    } catch (const Error&) {
                        got = std::nullopt;
                    }
                    CHECK(got == store.hash(at));
                }
                const std::int64_t span = store.current() - store.compacted();
                if (span <= 0) break;
                store.compact(store.compacted() + 1 +
                              static_cast<std::int64_t>(dice.below(static_cast<std::size_t>(span))));
                if (!store.lost(store.compacted()).empty()) break;
            }
        }
    }
}

namespace {

struct KineRow {
    std::int64_t id = 0;
    std::string name;
    bool deleted = false;
    std::int64_t prev = 0;
};

// Creates, updates, deletes, re-creates and gap rows as kine writes them; the compact row is left out, but
// takes an id now and then. With `compacted`, rows up to it were compacted by kine's rule before the rest was
// written, so that re-creates after it start afresh.
std::vector<KineRow> random_kine(std::uint32_t seed, std::int64_t& compacted) {
    Dice dice(seed);
    std::vector<KineRow> rows;
    std::map<std::string, KineRow> latest;
    std::int64_t id = 1;
    const std::size_t writes = 2 + dice.below(90);
    const std::size_t keys = 1 + dice.below(10);
    const std::size_t compact_after = dice.one_in(2) ? dice.below(writes) : writes;
    compacted = 0;
    for (std::size_t i = 0; i < writes; ++i) {
        ++id;
        if (dice.one_in(25)) {
            rows.push_back({id, "gap-" + std::to_string(id), true, 0});
        } else if (!dice.one_in(30)) {  // else a hole: a write that was rolled back
            KineRow row{id, "k" + std::to_string(dice.below(keys)), false, 0};
            const auto known = latest.find(row.name);
            if (known != latest.end()) {
                row.prev = known->second.id;
                row.deleted = !known->second.deleted && dice.one_in(3);
            }
            latest[row.name] = row;
            rows.push_back(row);
        }
        if (i == compact_after && !rows.empty()) {
            compacted = rows.back().id - static_cast<std::int64_t>(dice.below(5));
            std::set<std::int64_t> gone;
            for (const KineRow& r : rows) {
                if (r.id > compacted) continue;
                if (r.prev != 0) gone.insert(r.prev);
                if (r.deleted) gone.insert(r.id);
            }
            std::erase_if(rows, [&](const KineRow& r) { return gone.count(r.id) > 0; });
            std::erase_if(latest, [&](const auto& e) { return gone.count(e.second.id) > 0; });
        }
    }
    return rows;
}

TreeIndex kine_tree(const std::vector<KineRow>& rows) {
    TreeIndex index(kine_rules(), true);
    index.add_segments(1);
    RowBatch batch;
    for (const KineRow& r : rows) {
        IndexRow row;
        row.revision = {r.id, 0};
        row.key = r.name;
        row.tombstone = r.deleted;
        row.kind = r.name.starts_with("gap-") ? IndexRow::Kind::gap : IndexRow::Kind::keyed;
        row.version = r.deleted ? 0 : 1;
        row.prev_revision = r.prev;
        row.bytes = r.name.size();
        batch.push(row);
    }
    index.add(0, batch);
    REQUIRE(index.seal());
    return index;
}

// kine's own rule (kine.md 5), which follows pointers and knows no keys.
std::set<Revision> kine_removes(const std::vector<KineRow>& rows, std::int64_t at) {
    std::set<Revision> gone;
    std::set<std::int64_t> there;
    for (const KineRow& r : rows) there.insert(r.id);
    for (const KineRow& r : rows) {
        if (r.id > at) continue;
        if (r.deleted) gone.insert({r.id, 0});
        if (r.prev != 0 && there.count(r.prev) > 0) gone.insert({r.prev, 0});
    }
    return gone;
}

}  // namespace

TEST_CASE("properties: on consistent kine histories the plan is kine's own set, but for the newest row") {
    std::size_t compared = 0;
    for (std::uint32_t seed = 1; seed <= k_histories; ++seed) {
        std::int64_t compacted = 0;
        const std::vector<KineRow> rows = random_kine(seed, compacted);
        if (rows.empty()) continue;
        const TreeIndex index = kine_tree(rows);
        const std::int64_t current = rows.back().id;
        for (std::int64_t at = compacted + 1; at <= current; ++at) {
            CAPTURE(seed);
            CAPTURE(at);
            const CompactionPlan plan = plan_compaction(
                index, {MainRevision(current), MainRevision(compacted), std::nullopt}, MainRevision(at));
            std::set<Revision> expected = kine_removes(rows, at);
            CHECK(plan.kept_current.has_value() == (expected.count({current, 0}) > 0));
            expected.erase({current, 0});
            CHECK(text_of(test::revisions_of(index, plan.removed_slots)) == text_of(expected));
            CHECK(plan.cross_key_pointers == 0);
            CHECK(plan.dangling_pointers == 0);
            CHECK(plan.removed.orphans == 0);
            ++compared;
        }
    }
    CHECK(compared > 5000);
}

TEST_CASE("properties: kine compacted in steps is kine compacted in one go") {
    for (std::uint32_t seed = 1; seed <= k_histories; ++seed) {
        Dice dice(seed + 17);
        std::int64_t compacted = 0;
        std::vector<KineRow> rows = random_kine(seed, compacted);
        if (rows.empty() || rows.back().id <= compacted) continue;
        const std::int64_t current = rows.back().id;
        const TreeIndex whole = kine_tree(rows);
        const CompactionPlan once = plan_compaction(
            whole, {MainRevision(current), MainRevision(compacted), std::nullopt}, MainRevision(current));
        std::set<Revision> gone;
        for (std::int64_t at = compacted; at < current;) {
            const std::int64_t before = at;
            at = std::min(current, at + 1 + static_cast<std::int64_t>(dice.below(12)));
            const TreeIndex index = kine_tree(rows);
            const CompactionPlan step = plan_compaction(
                index, {MainRevision(current), MainRevision(before), std::nullopt}, MainRevision(at));
            const std::set<Revision> part = test::revisions_of(index, step.removed_slots);
            gone.insert(part.begin(), part.end());
            std::erase_if(rows, [&](const KineRow& r) { return part.count({r.id, 0}) > 0; });
        }
        CAPTURE(seed);
        CHECK(text_of(gone) == text_of(test::revisions_of(whole, once.removed_slots)));
    }
}
