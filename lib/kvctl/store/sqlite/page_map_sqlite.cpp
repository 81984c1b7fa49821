#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include "kvctl/base/interrupt.hpp"
#include "kvctl/mvcc/slot_set.hpp"
#include "kvctl/sqlite/holders.hpp"
#include "kvctl/store/slot_cursor.hpp"
#include "kvctl/store/sqlite/sqlite_store.hpp"

namespace kvctl::store {
namespace {

constexpr std::uint64_t k_step = 4096;  // pages between two looks at the world

// The rows of the table in the order of its leaves: of the next one its bytes and whether it is live.
class Rows {
  public:
    struct Row {
        std::uint64_t bytes = 0;  // key and value; 0: a row that the index does not know
        bool live = false;
    };

    Rows(sqlite::Statement statement, std::size_t columns, const mvcc::TreeIndex& index,
         const mvcc::SlotSet& live)
        : statement_(std::move(statement)),
          with_sub_(columns > 1),
          index_(index),
          live_(live),
          cursor_(index) {}

    // A row that is missing where a leaf counts one is of no key.
    Row next() {
        if (!more_) return {};
        more_ = statement_.step();
        if (!more_ || statement_.type(0) != sqlite::Type::integer) return {};
        const mvcc::Slot slot = cursor_.at({statement_.integer(0), with_sub_ ? statement_.integer(1) : 0});
        if (slot == mvcc::k_no_slot || index_.key_of(slot) >= mvcc::k_gap_key) return {};
        return {index_.bytes_of(slot), live_.contains(slot)};
    }

  private:
    sqlite::Statement statement_;
    bool with_sub_;
    const mvcc::TreeIndex& index_;
    const mvcc::SlotSet& live_;
    SlotCursor cursor_;
    bool more_ = true;
};

// Which cell of the leaf before it an overflow page belongs to: the three hexadecimal digits between the last
// slash of its path and the plus.
std::size_t cell_of(std::string_view path) noexcept {
    const std::size_t plus = path.rfind('+');
    const std::size_t slash = path.rfind('/');
    std::size_t cell = 0;
    if (plus == std::string_view::npos || slash == std::string_view::npos || slash > plus) return cell;
    std::from_chars(path.data() + slash + 1, path.data() + plus, cell, 16);
    return cell;
}

// Pages that hold no content: that of the lock byte, and those of back pointers.
void mark_reserved(const StoreInfo& info, PageMap& map) {
    const std::uint64_t locked = sqlite::lock_page(info.page_size) - 1;
    const auto other = [&](std::uint64_t page) {
        if (page < map.use.size()) map.use[page] = PageUse::other;
    };
    other(locked);
    if (!info.auto_vacuum) return;
    const std::uint64_t step = info.usable_size() / 5 + 1;
    for (std::uint64_t n = 1; n < map.use.size(); n += step) other(n == locked ? n + 1 : n);
}

// Walks the trees of the file in SQLite's own order, in which a leaf is followed by the overflow pages of its
// cells, and the rows beside them.
class MapWalk {
  public:
    MapWalk(const TableInfo& table, const StoreInfo& info, Rows rows, PageMap& map)
        : table_(table), info_(info), rows_(std::move(rows)), map_(map) {}

    void page(std::string_view tree, std::string_view path, std::int64_t number, std::string_view type,
              std::int64_t cells) {
        const auto at = static_cast<std::uint64_t>(number - 1);
        if (number < 1 || at >= map_.use.size()) return;
        const bool is_index = std::any_of(table_.indexes.begin(), table_.indexes.end(),
                                          [&](const IndexInfo& i) { return i.name == tree; });
        map_.use[at] = is_index ? PageUse::index : PageUse::other;
        if (tree != table_.name) return;
        if (type == "leaf") {
            leaf(at, static_cast<std::uint64_t>(std::max<std::int64_t>(cells, 0)));
        } else if (type == "overflow") {
            const std::size_t cell = cell_of(path);
            map_.use[at] = PageUse::overflow;
            map_.live[at] = cell < leaf_.size() && leaf_[cell].live ? 255 : 0;
        } else {
            map_.use[at] = PageUse::inner;
        }
    }

  private:
    void leaf(std::uint64_t at, std::uint64_t cells) {
        leaf_.clear();
        std::uint64_t all = 0;
        std::uint64_t live = 0;
        for (std::uint64_t i = 0; i < cells; ++i) {
            const Rows::Row row = rows_.next();
            leaf_.push_back(row);
            // Of a long row the page holds a part alone.
            const std::uint64_t here = std::min(row.bytes, info_.page_size / 3);
            all += here;
            if (row.live) live += here;
        }
        map_.use[at] = PageUse::rows;
        if (all > 0) map_.live[at] = static_cast<std::uint8_t>(live * 255 / all);
    }

    const TableInfo& table_;
    const StoreInfo& info_;
    Rows rows_;
    PageMap& map_;
    std::vector<Rows::Row> leaf_;  // of the leaf met last
};

}  // namespace

std::optional<PageMap> SqliteStore::page_map(const mvcc::TreeIndex& index, const mvcc::SlotSet& live,
                                             Progress* progress) {
    if (table_.without_rowid || info_.page_size == 0) return std::nullopt;
    const auto pages = static_cast<std::uint64_t>(db().integer("PRAGMA page_count").value_or(0));
    PageMap map(info_.page_size, pages);
    mark_reserved(info_, map);
    const std::size_t columns = identity_columns();
    Rows rows(db().prepare("SELECT " + sql_of(scan_columns().first(columns)) + " FROM " +
                           sqlite::quote_name(table_.name) + " NOT INDEXED ORDER BY rowid"),
              columns, index, live);
    MapWalk walk(table_, info_, std::move(rows), map);
    sqlite::Statement s = db().prepare("SELECT name, path, pageno, pagetype, ncell FROM dbstat");
    for (std::uint64_t done = 0; s.step(); ++done) {
        walk.page(s.bytes(0), s.bytes(1), s.integer(2), s.bytes(3), s.integer(4));
        if (done % k_step != 0) continue;
        check_interrupt();
        if (progress != nullptr) progress->update("mapping pages", done, pages);
    }
    return map;
}

}  // namespace kvctl::store
