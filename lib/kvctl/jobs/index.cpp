#include "kvctl/jobs/index.hpp"

#include <algorithm>

#include "kvctl/mvcc/compaction.hpp"

namespace kvctl::jobs {
namespace {

// The index of what a compaction leaves of these keys: kine stores no versions, so they count anew, and keeps
// the row of the current revision.
mvcc::TreeIndex kine_after(const mvcc::TreeIndex& tree, const std::vector<mvcc::KeyIndex>& keys,
                           const store::StoreHead& head, MainRevision at) {
    const mvcc::CompactionPlan plan =
        mvcc::plan_compaction(tree, {head.current, head.compacted, head.scheduled}, at);
    struct Kept {
        mvcc::Slot slot;
        std::int64_t created;
    };
    std::vector<Kept> kept;
    for (const mvcc::KeyIndex& key : keys) {
        for (const mvcc::Generation& g : key.generations()) {
            for (std::size_t i = 0; i < g.size(); ++i) {
                if (!plan.removed_slots.contains(g.slot(i))) kept.push_back({g.slot(i), g.created().main});
            }
        }
    }
    std::sort(kept.begin(), kept.end(), [](const Kept& a, const Kept& b) { return a.slot < b.slot; });
    mvcc::TreeIndex after(mvcc::kine_rules(), false);
    after.add_segments(1);
    mvcc::RowBatch batch;
    for (const Kept& k : kept) {
        mvcc::IndexRow row;
        row.revision = tree.revision(k.slot);
        row.key = tree.key(tree.key_of(k.slot));
        row.tombstone = tree.is_tombstone(k.slot);
        if (!row.tombstone) {
            row.create_revision = k.created;
            row.version = 1;
        }
        if (batch.push(row)) continue;
        after.add(0, batch);
        batch.clear();
    }
    after.add(0, batch);
    (void)after.seal();  // in the order in which they stood
    return after;
}

void compact_keys(const OpenedStore& opened, MainRevision at, IndexResult& result) {
    std::vector<mvcc::KeyIndex>& keys = result.report.keys;
    if (opened.rules.kine()) {
        result.compacted = std::make_unique<mvcc::TreeIndex>(kine_after(*result.tree, keys, opened.head, at));
        std::erase_if(keys, [&](mvcc::KeyIndex& k) {
            const auto found = result.compacted->find(k.key());
            if (found) k = *found;
            return !found;
        });
        return;
    }
    const mvcc::CompactionBound bound = result.tree->bound(at);
    for (mvcc::KeyIndex& k : keys) k.compact(bound);
    std::erase_if(keys, [](const mvcc::KeyIndex& k) { return k.empty(); });
}

}  // namespace

IndexResult index(OpenedStore& opened, const std::optional<std::string>& key, std::optional<MainRevision> rev,
                  Progress* progress) {
    IndexResult result;
    result.report.key = key;
    result.tree = std::make_unique<mvcc::TreeIndex>(load_keys(opened, key, progress, result.report.notes));
    for (const mvcc::KeyId id : key ? result.tree->range(*key, std::nullopt) : result.tree->sorted_keys())
        result.report.keys.push_back(result.tree->key_index(id));
    if (!rev) return result;
    refuse_future(opened, *rev);
    // Whoever compacts finishes first what was cut short.
    const MainRevision at = opened.head.pending() ? std::max(*rev, *opened.head.scheduled) : *rev;
    note_open_choice(opened, *result.tree, at, result.report.notes);
    compact_keys(opened, at, result);
    return result;
}

}  // namespace kvctl::jobs
