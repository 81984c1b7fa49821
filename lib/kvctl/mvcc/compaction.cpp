#include "kvctl/mvcc/compaction.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/mvcc/chain.hpp"
#include "kvctl/mvcc/refusals.hpp"

namespace kvctl::mvcc {
namespace {

Tally operator-(const Tally& a, const Tally& b) {
    return {a.revisions - b.revisions, a.tombstones - b.tombstones,
            a.keys - b.keys,           a.bytes - b.bytes,
            a.gaps - b.gaps,           0};
}

}  // namespace

SlotSet compact_tree(const TreeIndex& index, CompactionBound bound, std::uint64_t& vanished_keys,
                     std::vector<Revision>& lost_live) {
    SlotSet available(bound.slot_end);
    vanished_keys = 0;
    for (KeyId id = 0; id < index.key_count(); ++id) {
        KeyIndex key = index.key_index(id);
        if (key.empty()) continue;
        const Slot stays = key.compact(bound);
        if (stays != k_no_slot) available.insert(stays);
        if (key.empty() && id != index.marker_key()) ++vanished_keys;
        for (std::size_t i = 0; i < key.size() && key.slot(i) < bound.slot_end; ++i) {
            if (key.slot(i) != stays) lost_live.push_back(index.revision(key.slot(i)));
        }
    }
    std::sort(lost_live.begin(), lost_live.end());
    return available;
}

SlotSet keep_tree(const TreeIndex& index, CompactionBound bound, bool& empty) {
    SlotSet kept(bound.slot_end);
    empty = true;
    for (KeyId id = 0; id < index.key_count(); ++id) {
        const Slot s = index.key_index(id).keep(bound);
        if (s == k_no_slot) continue;
        kept.insert(s);
        empty = false;
    }
    return kept;
}

MainRevision effective_target(const CompactionInput& input, MainRevision at) noexcept {
    return input.scheduled && *input.scheduled > input.compacted ? std::max(*input.scheduled, at) : at;
}

CompactionPlan plan_compaction(const TreeIndex& index, const CompactionInput& input, MainRevision at) {
    if (at > input.current) {
        throw future_revision(fmt::format("revision {}", at), input.current);
    }
    CompactionPlan plan;
    plan.rules = index.rules();
    plan.current = input.current;
    plan.compacted_before = input.compacted;
    plan.target = at;
    const MainRevision target = effective_target(input, at);
    if (input.scheduled && *input.scheduled > input.compacted) plan.finishes = input.scheduled;
    plan.kind =
        target > input.compacted ? CompactionPlan::Kind::compact : CompactionPlan::Kind::already_compacted;
    plan.compacted_after = std::max(target, input.compacted);
    plan.before = index.total();

    if (plan.kind == CompactionPlan::Kind::compact) {
        const CompactionBound bound = index.bound(target);
        plan.slot_end = bound.slot_end;
        SlotSet stays = compact_tree(index, bound, plan.removed.keys, plan.lost_live);
        const bool kine = plan.rules.kine();
        const Slot last = index.last_slot();
        if (kine && last < bound.slot_end && !stays.contains(last) &&
            index.revision(last).main == input.current.value()) {
            // Without the row of MAX(id) kine's current revision would move backwards.
            stays.insert(last);
            if (index.key_of(last) < k_gap_key) --plan.removed.keys;
            plan.kept_current = index.revision(last);
        }
        ChainAudit chain;
        if (kine) {
            chain = audit_chain(index, bound.slot_end, input.compacted);
            plan.cross_key_pointers = chain.cross_key_pointers;
            plan.dangling_pointers = chain.dangling_pointers;
            plan.orphans = SlotSet(bound.slot_end);
        }
        plan.removed_slots = SlotSet(bound.slot_end);
        index.for_each_block(0, bound.slot_end, [&](const TreeIndex::Columns& c) {
            for (Slot i = 0; i < c.count; ++i) {
                const Slot s = c.base + i;
                if (stays.contains(s) || c.key[i] == k_no_key || (c.main(i) < 0 && !kine)) continue;
                plan.removed_slots.insert(s);
                ++plan.removed.revisions;
                plan.removed.bytes += c.bytes[i];
                if (c.key[i] == k_gap_key) {
                    ++plan.removed.gaps;
                    continue;
                }
                if (c.key[i] == index.marker_key()) continue;
                if (c.tombstone(i)) {
                    ++plan.removed.tombstones;
                } else if (kine && !chain.referenced.contains(s)) {
                    plan.orphans.insert(s);
                    ++plan.removed.orphans;
                }
            }
        });
    }
    plan.kept = plan.before - plan.removed;
    return plan;
}

std::string_view name_of(RemovalReason reason) noexcept {
    switch (reason) {
        case RemovalReason::superseded:
            return "superseded";
        case RemovalReason::tombstone:
            return "tombstone";
        case RemovalReason::orphan:
            return "orphan";
        case RemovalReason::gap:
            return "gap";
    }
    return "superseded";
}

RemovedRows::RemovedRows(const TreeIndex& index, const CompactionPlan& plan)
    : index_(index), plan_(plan), next_(plan.slot_end, k_no_slot), newest_(index.key_count(), k_no_slot) {
    index.for_each_row(0, plan.slot_end, [&](Slot s) {
        const KeyId key = index.key_of(s);
        if (key >= k_gap_key) return;
        if (newest_[key] != k_no_slot) next_[newest_[key]] = s;
        newest_[key] = s;
    });
}

RemovedRow RemovedRows::describe(Slot s) const {
    RemovedRow row{.slot = s, .reason = RemovalReason::gap, .by = std::nullopt};
    if (index_.key_of(s) == k_gap_key) return row;
    if (index_.is_tombstone(s)) {
        row.reason = RemovalReason::tombstone;
        return row;
    }
    row.reason = plan_.orphans.contains(s) ? RemovalReason::orphan : RemovalReason::superseded;
    const Slot by = row.reason == RemovalReason::orphan ? newest_[index_.key_of(s)] : next_[s];
    if (by != k_no_slot && by != s) row.by = index_.revision(by);
    return row;
}

std::uint64_t digest_rows(const TreeIndex& index, Slot end, const SlotSet* without, bool with_bytes) {
    std::vector<std::uint64_t> hashes(index.key_count());
    for (KeyId id = 0; id < index.key_count(); ++id) hashes[id] = hash_key(index.key(id));
    std::uint64_t sum = 0;
    index.for_each_row(0, end, [&](Slot s) {
        if (without != nullptr && without->contains(s)) return;
        const Revision r = index.revision(s);
        const KeyId key = index.key_of(s);
        const std::array<std::uint64_t, 4> row{
            static_cast<std::uint64_t>(r.main),
            static_cast<std::uint64_t>(r.sub) << 1 | (index.is_tombstone(s) ? 1U : 0U),
            key < k_gap_key ? hashes[key] : key, with_bytes ? index.bytes_of(s) : 0U};
        sum += hash_key({reinterpret_cast<const char*>(row.data()), sizeof row});
    });
    return sum;
}

}  // namespace kvctl::mvcc
