#include <limits>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/store/native/native_writer.hpp"
#include "kvctl/store/one_moment.hpp"
#include "kvctl/store/sqlite/bookkeeping.hpp"

namespace kvctl::store {
namespace {

// The survivors of any store, and its counters.
void add_survivors(NativeWriter& writer, Store& store, const mvcc::TreeIndex& index,
                   const mvcc::CompactionPlan& plan) {
    SlotCursor cursor(index);
    std::uint64_t copied = 0;
    store.each_record(MainRevision(std::numeric_limits<std::int64_t>::min()), plan.current,
                      [&](const mvcc::Record& r) {
                          const mvcc::Slot s = cursor.at(r.revision);
                          if (s != mvcc::k_no_slot && plan.removed_slots.contains(s)) return;
                          writer.add(r);
                          if ((++copied & 0xFFF) == 0) check_interrupt();
                      });
    if (copied != plan.kept.revisions) {
        throw Error(ErrorKind::damaged,
                    fmt::format("{}: {} rows were copied where the plan keeps {}", store.info().path,
                                group_digits(copied), group_digits(plan.kept.revisions)));
    }
    for (const Lease& lease : store.leases()) writer.add(lease);
    const StoreHead head = store.head();
    if (head.consistent_index)
        writer.set_meta("consistent_index", static_cast<std::int64_t>(head.consistent_index->value()));
    if (head.term) writer.set_meta("term", static_cast<std::int64_t>(head.term->value()));
    if (plan.compacted_after.value() >= 0) {
        writer.set_meta("scheduled_compact_rev", plan.compacted_after.value());
        writer.set_meta("finished_compact_rev", plan.compacted_after.value());
    }
}

}  // namespace

void write_survivors(Store& store, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                     const std::string& output) {
    NativeWriter writer(output, {});
    copy_one_moment(store, [&] { add_survivors(writer, store, index, plan); });
    writer.finish();
}

}  // namespace kvctl::store
