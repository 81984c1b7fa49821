#include "kvctl/store/conversion.hpp"

#include <algorithm>

#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/store/etcd_rules.hpp"
#include "kvctl/store/slot_cursor.hpp"

namespace kvctl::store {

Conversion::Conversion(Store& store, TargetKind to)
    : store_(store), to_(to), leases_(store.leases()), current_(store.head().current) {
    for (Finding& f : store.notices()) warnings_.push_back(std::move(f.what));
}

std::string Conversion::rows_text(std::uint64_t n) {
    return many(n, "row");
}

mvcc::TreeIndex Conversion::survey(Damage damage, Progress* progress) {
    mvcc::TreeIndex index = store_.load(choose_rules(store_, std::nullopt).rules, findings_, progress);
    const mvcc::Tally& total = index.total();
    bytes_ = total.bytes;
    if (damage == Damage::refused) {
        for (const Finding& f : findings_) {
            if (f.severity != Finding::Severity::error) continue;
            throw Error(ErrorKind::damaged,
                        fmt::format("{}: {}{} ({} names all such rows)", store_.info().path,
                                    f.where.empty() ? "" : f.where + ": ", f.what,
                                    command_on(store_.info().path, "check")));
        }
    }
    if (index.duplicates() > 0) {
        throw Error(ErrorKind::damaged, fmt::format("{}: {} with the revision of another row",
                                                    store_.info().path, rows_text(index.duplicates())));
    }
    if (index.version_break_count() > 0) {
        warnings_.push_back(
            fmt::format("{} with a version that does not follow from the key's row before; kept as they are",
                        rows_text(index.version_break_count())));
    }
    if (findings_.empty()) rows_ = total.revisions - total.gaps;
    if (to_ == TargetKind::kine) limits_ = KineLimits::of(index, nullptr);
    return index;
}

void Conversion::keep_only(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan) {
    if (plan.kind != mvcc::CompactionPlan::Kind::compact) return;
    index_ = &index;
    plan_ = &plan;
    if (limits_) limits_ = KineLimits::of(index, &plan.removed_slots);
    std::erase_if(meta_, [](const auto& m) {
        return m.first == "finished_compact_rev" || m.first == "scheduled_compact_rev";
    });
    add_meta("scheduled_compact_rev", plan.compacted_after.value());
    add_meta("finished_compact_rev", plan.compacted_after.value());
    current_ = std::max(current_, plan.compacted_after);
    bytes_ = plan.kept.bytes;
}

void Conversion::each(const std::function<void(const mvcc::Record&)>& f, Progress* progress) {
    std::uint64_t n = 0;
    std::optional<SlotCursor> cursor;
    if (plan_ != nullptr) cursor.emplace(*index_);
    const auto counted = [&](const mvcc::Record& r) {
        if ((++n & 0xFFF) == 0) {
            check_interrupt();
            if (progress != nullptr) progress->update("copying", n, rows_.value_or(0));
        }
        if (plan_ != nullptr) {
            const mvcc::Slot slot = cursor->at(r.revision);
            if (slot != mvcc::k_no_slot && plan_->removed_slots.contains(slot)) return;
        }
        f(r);
    };
    each_row(counted);
    if (rows_ && n != *rows_) {
        throw Error(
            ErrorKind::damaged,
            fmt::format("{}: {} read where {} were counted: {} tells what is wrong", store_.info().path,
                        rows_text(n), group_digits(*rows_), command_on(store_.info().path, "check")));
    }
}

}  // namespace kvctl::store
