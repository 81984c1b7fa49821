#include "kvctl/mvcc/explain.hpp"

#include <algorithm>

namespace kvctl::mvcc {
namespace {

using Reason = Explained::Reason;

// A row alone: gap rows and such as cannot be placed.
Explained explain_keyless(const TreeIndex& index, const CompactionPlan& plan, Slot slot) {
    Explained e;
    e.slot = slot;
    e.removed = plan.removed_slots.contains(slot);
    if (e.removed) {
        e.reason = Reason::gap;
    } else if (index.key_of(slot) == k_no_key) {
        e.reason = Reason::unplaced;
    } else if (slot >= plan.slot_end) {
        e.reason = Reason::newer;
    } else {
        e.reason = plan.kept_current == index.revision(slot) ? Reason::current : Reason::already_compacted;
    }
    return e;
}

Explained explain_row(const TreeIndex& index, const CompactionPlan& plan, const std::vector<Slot>& rows,
                      std::size_t position) {
    const Slot slot = rows[position];
    Explained e;
    e.slot = slot;
    e.removed = plan.removed_slots.contains(slot);
    // The key's newest row at or below the compaction.
    const auto above = std::lower_bound(rows.begin(), rows.end(), plan.slot_end);
    if (e.removed) {
        if (index.is_tombstone(slot)) {
            e.reason = Reason::tombstone;
            return e;
        }
        e.reason = plan.orphans.contains(slot) ? Reason::orphan : Reason::superseded;
        const Slot newest = *(above - 1);
        const Slot next =
            position + 1 < rows.size() && rows[position + 1] < plan.slot_end ? rows[position + 1] : k_no_slot;
        if (e.reason == Reason::orphan) {
            if (newest != slot) e.by = index.revision(newest);
        } else if (next != k_no_slot) {
            e.by = index.revision(next);
        } else if (position > 0) {
            // A live revision lost (etcd.md 2.4): the tombstone before it, of the same main, is taken for the
            // newest.
            e.by = index.revision(rows[position - 1]);
        }
        return e;
    }
    if (index.revision(slot).main < 0 && !plan.rules.kine()) {
        e.reason = Reason::unplaced;
    } else if (plan.kind == CompactionPlan::Kind::already_compacted) {
        e.reason = index.revision(slot).main > plan.compacted_after.value() ? Reason::newer
                                                                            : Reason::already_compacted;
    } else if (slot >= plan.slot_end) {
        e.reason = Reason::newer;
    } else if (plan.kept_current == index.revision(slot)) {
        e.reason = Reason::current;
    } else {
        e.reason = index.is_tombstone(slot) ? Reason::tombstone_at_target : Reason::latest;
    }
    return e;
}

}  // namespace

std::string_view name_of(Explained::Reason reason) noexcept {
    switch (reason) {
        case Reason::superseded:
            return "superseded";
        case Reason::tombstone:
            return "tombstone";
        case Reason::orphan:
            return "orphan";
        case Reason::gap:
            return "gap";
        case Reason::newer:
            return "newer";
        case Reason::latest:
            return "latest";
        case Reason::tombstone_at_target:
            return "tombstone-at-target";
        case Reason::current:
            return "current";
        case Reason::unplaced:
            return "unplaced";
        case Reason::already_compacted:
            return "already-compacted";
    }
    return "newer";
}

std::optional<KeyId> find_stored_key(const TreeIndex& index, std::string_view key) {
    if (const auto found = index.find(key); found && found->id() != index.marker_key()) return found->id();
    for (KeyId id = 0; id < index.key_count(); ++id) {
        if (index.key(id) == key && id != index.marker_key()) return id;
    }
    return std::nullopt;
}

std::vector<Slot> rows_of_key(const TreeIndex& index, KeyId id) {
    std::vector<Slot> rows;
    const KeyIndex key = index.key_index(id);
    if (key.size() == index.row_count(id)) {
        for (std::size_t i = 0; i < key.size(); ++i) rows.push_back(key.slot(i));
        return rows;
    }
    index.for_each_block(0, index.slot_end(), [&](const TreeIndex::Columns& c) {
        for (Slot i = 0; i < c.count; ++i) {
            if (c.key[i] == id) rows.push_back(c.base + i);
        }
    });
    return rows;
}

std::vector<Explained> explain_key(const TreeIndex& index, const CompactionPlan& plan, KeyId id) {
    const std::vector<Slot> rows = rows_of_key(index, id);
    std::vector<Explained> result;
    for (std::size_t i = 0; i < rows.size(); ++i) result.push_back(explain_row(index, plan, rows, i));
    return result;
}

std::vector<Explained> explain_revision(const TreeIndex& index, const CompactionPlan& plan, MainRevision at,
                                        std::optional<std::int64_t> sub) {
    std::vector<Explained> result;
    index.for_each_row(index.lower_bound(at), index.upper_bound(at), [&](Slot s) {
        if (sub && index.revision(s).sub != *sub) return;
        const KeyId id = index.key_of(s);
        if (id >= k_gap_key) {
            result.push_back(explain_keyless(index, plan, s));
            return;
        }
        const std::vector<Slot> rows = rows_of_key(index, id);
        const auto here = std::lower_bound(rows.begin(), rows.end(), s);
        result.push_back(explain_row(index, plan, rows, static_cast<std::size_t>(here - rows.begin())));
    });
    return result;
}

}  // namespace kvctl::mvcc
