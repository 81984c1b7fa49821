#include "kvctl/store/kine/rows_by_id.hpp"

#include <algorithm>
#include <string>

#include "kvctl/base/format.hpp"

namespace kvctl::store {

void RowsById::add(std::int64_t rowid, sqlite::Type type_of_id, std::int64_t id) {
    if (type_of_id == sqlite::Type::integer) {
        places_.push_back({id, rowid});
    } else {
        without_id_.emplace_back(rowid, type_of_id == sqlite::Type::null);
    }
}

void RowsById::sort() {
    std::sort(places_.begin(), places_.end());
    std::sort(without_id_.begin(), without_id_.end());
}

std::span<const RowsById::Place> RowsById::between(std::int64_t from, std::int64_t to) const noexcept {
    const auto first =
        std::partition_point(places_.begin(), places_.end(), [&](const Place& p) { return p.id < from; });
    const auto last = std::partition_point(first, places_.end(), [&](const Place& p) { return p.id <= to; });
    return {first, last};
}

void RowsById::note(Finding::Severity severity, FindingLog& log) const {
    for (const auto& [rowid, null] : without_id_) {
        log.add({severity, null ? "null-column" : "wrong-type", fmt::format("rowid {}", rowid),
                 null ? "its id is NULL, as kine 0.14 writes it where id is no primary key: the row has no "
                        "revision, and no server finds it again"
                      : "its id is no integer: the row has no revision",
                 std::nullopt});
    }
    for (auto at = places_.begin(); at != places_.end();) {
        const auto end = std::find_if(at, places_.end(), [&](const Place& p) { return p.id != at->id; });
        if (end - at > 1) {
            log.add(
                {severity, "duplicate-revision", fmt::format("row {}", at->id),
                 fmt::format("{} rows have this id: which of them is the revision cannot be told", end - at),
                 at->id});
        }
        at = end;
    }
}

}  // namespace kvctl::store
