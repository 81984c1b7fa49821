#include "kvctl/store/sqlite/predict.hpp"

#include <algorithm>
#include <vector>

#include "kvctl/store/sqlite/size_model.hpp"

namespace kvctl::store {
namespace {

using mvcc::KeyId;
using mvcc::Slot;

// What an index stores of a row: its columns and the rowid.
struct IndexShape {
    bool key = false;
    int revision = 0;  // columns that hold the row's own revision (main, id)
    bool sub = false;
    bool prev = false;
    int zeroes = 0;            // flags: no bytes
    int others = 0;            // anything else: taken as four bytes
    bool linked_only = false;  // kine's partial index leaves out rows without a predecessor

    explicit IndexShape(const IndexInfo& info) {
        for (const std::string& c : info.columns) {
            if (c == "key" || c == "name") {
                key = true;
            } else if (c == "main" || c == "id") {
                ++revision;
            } else if (c == "sub") {
                sub = true;
            } else if (c == "prev_revision") {
                prev = true;
            } else if (c == "deleted" || c == "created" || c == "tombstone") {
                ++zeroes;
            } else {
                ++others;
            }
        }
        linked_only = info.partial && prev;
    }
};

}  // namespace

std::uint64_t other_pages(SqliteStore& store) {
    const std::uint64_t usable = store.info().usable_size();
    // Copied statement by statement in the order in which they stand: nothing packs them any better.
    const auto schema = store.db().integer(
        "SELECT pageno FROM dbstat WHERE name IN ('sqlite_schema', 'sqlite_master') AND aggregate = TRUE");
    auto pages = static_cast<std::uint64_t>(std::max<std::int64_t>(1, schema.value_or(1)));
    std::vector<std::string> tables;
    sqlite::Statement s = store.db().prepare(
        "SELECT DISTINCT tbl_name FROM sqlite_schema WHERE rootpage > 0 AND tbl_name <> ?1 COLLATE NOCASE");
    s.bind_text(1, store.table().name);
    while (s.step()) tables.emplace_back(s.bytes(0));
    for (const std::string& t : tables) pages += packed_pages(store.db(), t, usable);
    return pages;
}

RowOrder order_of_rows(SqliteStore& store, const mvcc::TreeIndex& index) {
    RowOrder order{false, {}};
    if (store.in_kine_table() || store.in_order()) return order;
    order.slots.reserve(index.total().revisions);
    store.db().scan("main, sub", "revision NOT INDEXED", {}, [&](const sqlite::Values& row) {
        const Slot s = index.find_slot({row[0].integer(), row[1].integer()});
        if (s != mvcc::k_no_slot) order.slots.push_back(s);
    });
    return order;
}

std::vector<std::uint32_t> old_value_bytes(SqliteStore& store, const mvcc::TreeIndex& index,
                                           const mvcc::CompactionPlan& plan) {
    // Of a plan that removes nothing as well.
    std::vector<std::uint32_t> bytes(index.slot_end(), 0);
    store.db().scan("id, length(old_value)", "kine NOT INDEXED WHERE id <= ?1 AND old_value IS NOT NULL",
                    {plan.compacted_after.value()}, [&](const sqlite::Values& row) {
                        const Slot s = index.find_slot({row[0].integer(), 0});
                        if (s < bytes.size() && !plan.removed_slots.contains(s))
                            bytes[s] = static_cast<std::uint32_t>(row[1].integer());
                    });
    return bytes;
}

std::uint64_t predict_file_bytes(const SqliteStore& store, const mvcc::TreeIndex& index,
                                 const mvcc::CompactionPlan& plan, std::uint64_t other_pages,
                                 const std::vector<std::uint32_t>& old_values, const RowOrder& order) {
    const std::uint64_t usable = store.info().usable_size();
    const bool kine = store.in_kine_table();
    TablePages table(usable);
    std::vector<IndexShape> shapes;
    std::vector<IndexPages> indexes;
    for (const IndexInfo& i : store.table().indexes) {
        shapes.emplace_back(i);
        indexes.emplace_back(usable);
    }
    const bool by_key = std::any_of(shapes.begin(), shapes.end(), [](const IndexShape& s) { return s.key; });
    std::int64_t rowid = 0;
    const auto add = [&](Slot s, std::int64_t main, KeyId key, std::uint64_t payload) {
        if (kine) rowid = main;
        table.add(rowid, payload);
        const std::uint64_t name = !by_key ? 0 : key < mvcc::k_gap_key ? index.key(key).size() : 10;
        const std::uint64_t own = integer_bytes(main);
        const std::int64_t prev = kine ? index.prev_revision_of(s) : 0;
        for (std::size_t i = 0; i < shapes.size(); ++i) {
            const IndexShape& shape = shapes[i];
            if (shape.linked_only && prev == 0) continue;
            std::uint64_t entry =
                2 + integer_bytes(rowid) + static_cast<std::uint64_t>(shape.revision) * (1 + own) +
                static_cast<std::uint64_t>(shape.zeroes) + static_cast<std::uint64_t>(shape.others) * 5;
            if (shape.key) entry += serial_bytes(name) + name;
            if (shape.sub) entry += 1 + integer_bytes(index.revision(s).sub);
            if (shape.prev) entry += 1 + integer_bytes(prev);
            indexes[i].add(entry);
        }
    };
    const auto visit = [&](Slot s, std::int64_t main, KeyId key, std::uint64_t payload) {
        const bool stays = !plan.removed_slots.contains(s);
        if (stays || !order.renumbered) ++rowid;
        if (!stays) return;
        if (s < old_values.size()) payload -= std::min<std::uint64_t>(payload, old_values[s]);
        add(s, main, key, payload);
    };
    for (const Slot s : order.slots) {
        visit(s, index.revision(s).main, index.key_of(s),
              std::uint64_t{index.bytes_of(s)} + index.overhead_of(s));
    }
    if (order.slots.empty()) {
        index.for_each_block(0, index.slot_end(), [&](const mvcc::TreeIndex::Columns& c) {
            for (Slot i = 0; i < c.count; ++i)
                visit(c.base + i, c.main(i), c.key[i], std::uint64_t{c.bytes[i]} + c.overhead[i]);
        });
    }
    if (kine) {
        // The compact row, which no index of ours holds.
        table.add(1, 36);
        for (IndexPages& i : indexes) i.add(28);
    }
    std::uint64_t pages = other_pages + table.pages();
    for (const IndexPages& i : indexes) pages += i.pages();
    if (store.info().auto_vacuum) {
        // A page of back pointers, five bytes each, stands before every run of pages that it describes.
        pages += (pages + usable / 5 - 1) / (usable / 5);
    }
    return pages * store.info().page_size;
}

}  // namespace kvctl::store
