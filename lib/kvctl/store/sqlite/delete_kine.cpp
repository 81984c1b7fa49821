#include "kvctl/store/sqlite/delete_kine.hpp"

#include <algorithm>

namespace kvctl::store {
namespace {

using mvcc::Slot;

// Ranges of kine ids that go, each without a row in between that stays.
class DoomedRanges {
  public:
    DoomedRanges(const sqlite::Database& db, std::vector<std::int64_t> barriers)
        : delete_(db.prepare("DELETE FROM kine WHERE id BETWEEN ?1 AND ?2")),
          db_(db),
          barriers_(std::move(barriers)) {}

    void stays() { flush(); }
    void goes(std::int64_t id) {
        while (next_barrier_ < barriers_.size() && barriers_[next_barrier_] < id) {
            if (open_ && barriers_[next_barrier_] > first_) flush();
            ++next_barrier_;
        }
        if (!open_) first_ = id;
        open_ = true;
        last_ = id;
    }
    std::uint64_t finish() {
        flush();
        return deleted_;
    }

  private:
    void flush() {
        if (!open_) return;
        delete_.bind(1, first_).bind(2, last_).run();
        deleted_ += static_cast<std::uint64_t>(db_.changes());
        open_ = false;
    }
    sqlite::Statement delete_;
    const sqlite::Database& db_;
    std::vector<std::int64_t> barriers_;  // ids of rows that no index holds: the compact rows
    std::size_t next_barrier_ = 0;
    std::int64_t first_ = 0;
    std::int64_t last_ = 0;
    std::uint64_t deleted_ = 0;
    bool open_ = false;
};

}  // namespace

std::vector<std::int64_t> compact_row_ids(const sqlite::Database& db) {
    std::vector<std::int64_t> ids;
    sqlite::Statement s = db.prepare("SELECT id FROM kine WHERE name = 'compact_rev_key' ORDER BY id");
    while (s.step()) ids.push_back(s.integer(0));
    return ids;
}

std::uint64_t delete_kine(sqlite::Database& db, const mvcc::TreeIndex& index, const mvcc::SlotSet& doomed,
                          Slot end) {
    DoomedRanges ranges(db, compact_row_ids(db));
    index.for_each_row(0, end, [&](Slot s) {
        if (doomed.contains(s)) {
            ranges.goes(index.revision(s).main);
        } else {
            ranges.stays();
        }
    });
    return ranges.finish();
}

std::uint64_t delete_kine(sqlite::Database& db, const mvcc::TreeIndex& index, std::span<const Slot> batch) {
    std::vector<Slot> rows(batch.begin(), batch.end());
    std::sort(rows.begin(), rows.end());
    sqlite::Statement stretch = db.prepare("DELETE FROM kine WHERE id BETWEEN ?1 AND ?2");
    const auto id = [&](std::size_t i) { return index.revision(rows[i]).main; };
    std::uint64_t deleted = 0;
    for (std::size_t begin = 0; begin < rows.size();) {
        std::size_t end = begin + 1;
        while (end < rows.size() && id(end) == id(end - 1) + 1) ++end;
        stretch.bind(1, id(begin)).bind(2, id(end - 1)).run();
        deleted += static_cast<std::uint64_t>(db.changes());
        begin = end;
    }
    return deleted;
}

}  // namespace kvctl::store
