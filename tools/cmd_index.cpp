#include <algorithm>

#include "kvctl/base/error.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/report/index_report.hpp"
#include "kvctl/store/open.hpp"
#include "tools/commands.hpp"
#include "tools/notes.hpp"
#include "tools/options.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"
#include "tools/values.hpp"

namespace kvctl::cli {
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

}  // namespace

OptionTable index_options() {
    return join({{{"Index", {word("rev", "N", "the tree as it would be after compacting to revision N")}}},
                 rules_options(),
                 store_options(),
                 output_options()});
}

int index(const Args& args, Io& io) {
    const Parsed parsed = parse(index_options(), args);
    const Output output = output_of(parsed, io);
    parsed.expect_operands(1, 2, "[KEY] STORE");
    const bool one = parsed.operands().size() == 2;
    report::IndexReport report;
    std::optional<mvcc::TreeIndex> rest;  // what the report's keys are views of
    if (one) report.key = parsed.operands().front();
    const auto progress = make_progress(output, io);
    OpenedStore opened = open_behind_key(parsed);
    const mvcc::TreeIndex tree = load_keys(opened, report.key, progress.get(), report.notes);

    std::vector<mvcc::KeyIndex>& keys = report.keys;
    for (const mvcc::KeyId id : report.key ? tree.range(*report.key, std::nullopt) : tree.sorted_keys()) {
        keys.push_back(tree.key_index(id));
    }
    if (const auto rev = parsed.value("rev")) {
        MainRevision at = parse_revision("--rev", *rev);
        refuse_future(opened, at);
        // Whoever compacts finishes first what was cut short.
        if (opened.head.pending()) at = std::max(at, *opened.head.scheduled);
        note_open_choice(opened, tree, at, report.notes);
        if (opened.rules.kine()) {
            rest = kine_after(tree, keys, opened.head, at);
            std::erase_if(keys, [&](mvcc::KeyIndex& k) {
                const auto found = rest->find(k.key());
                if (found) k = *found;
                return !found;
            });
        } else {
            const mvcc::CompactionBound bound = tree.bound(at);
            for (mvcc::KeyIndex& k : keys) k.compact(bound);
            std::erase_if(keys, [](const mvcc::KeyIndex& k) { return k.empty(); });
        }
    }
    write_notes(report.notes, opened.store->info().path, output, io);
    return write_report(report, output, io);
}

}  // namespace kvctl::cli
