#include <algorithm>

#include "kvctl/store/kine/kine.hpp"

namespace kvctl::store {

std::vector<Hint> KineStore::advice(const StoreHead& head, const mvcc::TreeIndex& index) {
    std::vector<Hint> hints;
    if (head.bookkeeping_rows != 1) {
        hints.push_back(
            {"compact-row",
             std::to_string(head.bookkeeping_rows) +
                 " rows hold the compact revision; kine needs exactly one, and kvctl compact leaves one",
             {}});
    }
    if (const auto rows = legacy_rows()) {
        hints.push_back({"legacy-table",
                         "the old table key_value is still there with " + std::to_string(*rows) +
                             " rows; kine no longer reads it",
                         {}});
    }
    std::uint64_t above = 0;
    index.for_each_row(index.upper_bound(head.compacted), index.slot_end(), [&](mvcc::Slot) { ++above; });
    std::uint64_t bookkeeping = 0;
    for (const std::int64_t id : compact_rows()) bookkeeping += id > head.compacted.value() ? 1 : 0;
    const auto span =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, head.current.value() - head.compacted.value()));
    if (span > above + bookkeeping) {
        hints.push_back(
            {"holes",
             std::to_string(span - above - bookkeeping) +
                 " revisions above the compact revision have no row; a server fills them with gap rows",
             {}});
    }
    if (table().indexes.size() < 5) {
        hints.push_back({"missing-index",
                         "some of kine's indexes are missing; the next start of a newer kine makes them",
                         {}});
    }
    return hints;
}

}  // namespace kvctl::store
