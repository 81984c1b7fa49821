#include <sys/stat.h>

#include <algorithm>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/store/kine/kine.hpp"

namespace kvctl::store {

std::optional<std::string> KineStore::litestream_advice() {
    constexpr const char* k_advice =
        "Litestream replicates this store: stop it before a compaction or vacuum and start it again "
        "behind it, when it takes a new snapshot";
    if (db().integer("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name IN ('_litestream_seq', "
                     "'_litestream_lock')")) {
        return k_advice;
    }
    const std::string& path = info_.real_path;
    const std::size_t name = path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1;
    struct stat st {};
    const bool folder =
        ::stat((path.substr(0, name) + "." + path.substr(name) + "-litestream").c_str(), &st) == 0 &&
        S_ISDIR(st.st_mode);
    return folder ? std::optional<std::string>(k_advice) : std::nullopt;
}

bool KineStore::lost_its_wal() try {
    struct stat st {};
    // The database in a dqlite directory never has one.
    return info_.wal_mode && info_.layout == Layout::kine &&
           ::stat((info_.real_path + "-wal").c_str(), &st) != 0 &&
           !db().integer("SELECT 1 FROM kine LIMIT 1");
} catch (const Error& e) {
    if (e.kind() != ErrorKind::damaged) throw;
    return false;
}

std::int64_t KineStore::kept_by_server() {
    const bool dqlite = std::any_of(table().indexes.begin(), table().indexes.end(),
                                    [](const IndexInfo& i) { return i.name == k_dqlite_index; }) ||
                        db().integer("PRAGMA user_version").value_or(0) != 0;
    return dqlite ? 100 : 1000;
}

std::vector<Hint> KineStore::advice(const StoreHead& head, const mvcc::TreeIndex& index) {
    std::vector<Hint> hints;
    if (lost_its_wal()) {
        return {
            {"wal-left-behind",
             "in WAL mode, without a -wal beside it and without a row: was its -wal left behind when it was "
             "copied?",
             {}}};
    }
    if (const auto text = litestream_advice()) hints.push_back({"litestream", *text, {}});
    if (!keyed_) {
        hints.push_back({"no-primary-key", "table kine: " + why_keyless(), {}});
        return hints;
    }
    if (head.bookkeeping_rows != 1) {
        hints.push_back(
            {"compact-row",
             head.bookkeeping_rows == 0
                 ? std::string(
                       "no row holds the compact revision: kine's compaction fails until its next start")
                 : fmt::format("{} rows hold the compact revision; kine needs exactly one, and a compaction "
                               "that has something to do leaves one",
                               group_digits(head.bookkeeping_rows)),
             {}});
    }
    if (const auto rows = legacy_table()) {
        hints.push_back(
            {"legacy-table",
             fmt::format("the old table key_value is still there: {}; kine no longer reads it", *rows),
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
             fmt::format("{} above the compact revision without a row; a server puts gap rows there",
                         many(span - above - bookkeeping, "revision")),
             {}});
    }
    if (kept_by_server() == 1000 && table().indexes.size() < 5) {
        hints.push_back({"missing-index",
                         "some of kine's indexes are missing; the next start of a newer kine makes them",
                         {}});
    }
    return hints;
}

}  // namespace kvctl::store
