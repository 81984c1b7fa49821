#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/store/sqlite/batches.hpp"
#include "kvctl/store/sqlite/bookkeeping.hpp"
#include "kvctl/store/sqlite/delete_kine.hpp"
#include "kvctl/store/sqlite/execute.hpp"

namespace kvctl::store {
namespace {

using mvcc::Slot;
using mvcc::SlotSet;

constexpr std::int64_t k_lowest_revision = std::numeric_limits<std::int64_t>::min();

std::uint64_t delete_native(sqlite::Database& db, const mvcc::TreeIndex& index, const SlotSet& doomed,
                            MainRevision from, MainRevision upto, bool in_order) {
    SlotCursor cursor(index);
    const auto goes = [&](std::int64_t main, std::int64_t sub) {
        const Slot s = cursor.at({main, sub});
        return s != mvcc::k_no_slot && doomed.contains(s);
    };
    db.add_predicate("kvctl_goes", 2, goes);
    std::string sql = "DELETE FROM revision NOT INDEXED WHERE main <= " + std::to_string(upto.value());
    if (in_order) {
        // Where the rows stand in revision order, those beyond either end need not be looked at.
        const auto last =
            db.integer("SELECT rowid FROM revision WHERE main <= " + std::to_string(upto.value()) +
                       " ORDER BY main DESC, sub DESC LIMIT 1");
        if (last) sql += " AND rowid <= " + std::to_string(*last);
        const auto first =
            db.integer("SELECT rowid FROM revision WHERE main >= " + std::to_string(from.value()) +
                       " ORDER BY main, sub LIMIT 1");
        if (first) sql += " AND rowid >= " + std::to_string(*first);
    }
    db.exec(sql + " AND kvctl_goes(main, sub)");
    const auto deleted = static_cast<std::uint64_t>(db.changes());
    db.add_predicate("kvctl_goes", 2, [](std::int64_t, std::int64_t) { return false; });
    return deleted;
}

std::uint64_t delete_native_batch(sqlite::Database& db, const mvcc::TreeIndex& index,
                                  std::span<const Slot> rows, MainRevision upto, bool in_order) {
    if (rows.empty()) return 0;
    SlotSet doomed(rows.back() + 1);
    for (const Slot s : rows) doomed.insert(s);
    return delete_native(db, index, doomed, MainRevision(index.revision(rows.front()).main), upto, in_order);
}

std::uint64_t count_rows(const sqlite::Database& db, const std::string& table) {
    return static_cast<std::uint64_t>(db.integer("SELECT count(*) FROM " + table).value_or(0));
}

// What the store must be after the deletes, checked before they are committed.
class Verification {
  public:
    Verification(SqliteStore& store, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                 bool with_bytes)
        : store_(store),
          plan_(plan),
          current_(store.head().current),
          rows_(count_rows(store.db(), store.table().name)),
          with_bytes_(with_bytes),
          digest_(mvcc::digest_rows(index, plan.slot_end, &plan.removed_slots, with_bytes)) {}

    // `bookkeeping` rows more (or fewer) than before stand in the table beside the plan's.
    void check(std::int64_t bookkeeping) {
        const std::uint64_t want = rows_ - plan_.removed.revisions + static_cast<std::uint64_t>(bookkeeping);
        const std::uint64_t have = count_rows(store_.db(), store_.table().name);
        if (have != want)
            fail(fmt::format("{} are left where the plan leaves {}", many(have, "row"), group_digits(want)));
        if (plan_.kind != mvcc::CompactionPlan::Kind::compact) return;  // only the raft log was shortened
        Findings findings;
        const mvcc::TreeIndex left = store_.load_upto(plan_.rules, plan_.compacted_after, findings);
        if (mvcc::digest_rows(left, left.slot_end(), nullptr, with_bytes_) != digest_)
            fail("other rows are left than the plan leaves");
        if (store_.head().current < current_) fail("the current revision moved backwards");
    }

  private:
    [[noreturn]] void fail(const std::string& what) const {
        // Rows were deleted by SQLite as planned: that others are left is the store's fault.
        throw Error(ErrorKind::damaged,
                    fmt::format("{}: not committed: {}; {} tells what is wrong with the store",
                                store_.info().path, what, command_on(store_.info().path, "check")));
    }
    SqliteStore& store_;
    const mvcc::CompactionPlan& plan_;
    MainRevision current_;
    std::uint64_t rows_;
    bool with_bytes_;
    std::uint64_t digest_;
};

void drop_old_values(const sqlite::Database& db, MainRevision upto) {
    db.prepare(
          "UPDATE kine SET old_value = NULL WHERE id <= ?1 AND old_value IS NOT NULL"
          " AND name IS NOT 'compact_rev_key'")
        .bind(1, upto.value())
        .run();
}

std::vector<IndexInfo> droppable_indexes(const TableInfo& table) {
    std::vector<IndexInfo> all;
    for (const IndexInfo& i : table.indexes) {
        if (!i.sql.empty()) all.push_back(i);
    }
    // The pragma index_list names the newest first.
    std::reverse(all.begin(), all.end());
    return all;
}

// SQLite's own tables of statistics, which lose their rows of an index that is dropped, even if only to be
// made again.
class Statistics {
  public:
    explicit Statistics(const sqlite::Database& db) : db_(db) {
        sqlite::Statement s =
            db.prepare("SELECT name FROM main.sqlite_schema WHERE name GLOB 'sqlite_stat[0-9]'");
        while (s.step()) tables_.emplace_back(s.bytes(0));
        for (const std::string& t : tables_) {
            db.exec("CREATE TEMP TABLE kvctl_" + t + " AS SELECT * FROM main." + t);
        }
    }
    void put_back() const {
        for (const std::string& t : tables_) {
            db_.exec("DELETE FROM main." + t);
            db_.exec("INSERT INTO main." + t + " SELECT * FROM temp.kvctl_" + t);
            db_.exec("DROP TABLE temp.kvctl_" + t);
        }
    }

  private:
    const sqlite::Database& db_;
    std::vector<std::string> tables_;
};

void run_transaction(SqliteWritable& writable, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                     const Execution& execution) {
    SqliteStore& store = writable.store();
    sqlite::Database& db = store.db();
    const bool kine = store.in_kine_table();
    sqlite::Transaction transaction(db, sqlite::Transaction::Kind::immediate);
    const std::vector<IndexInfo> indexes = droppable_indexes(store.table());
    const bool rebuild = !indexes.empty() && rebuilds_indexes(plan);
    // Every index that stays is as good as its table, or nothing is done: a delete finds its way by them.
    store.check_indexes(rebuild ? IndexChoice::by_constraint : IndexChoice::all);
    Verification verification(store, index, plan, !execution.drop_old_values);
    std::optional<Statistics> statistics;
    if (rebuild) {
        statistics.emplace(db);
        for (const IndexInfo& i : indexes) db.exec("DROP INDEX " + sqlite::quote_name(i.name));
    }
    if (execution.progress != nullptr) execution.progress->update("deleting", 0, 0);
    const std::uint64_t deleted =
        kine ? delete_kine(db, index, plan.removed_slots, plan.slot_end)
             : delete_native(db, index, plan.removed_slots, MainRevision(k_lowest_revision),
                             plan.compacted_after, store.in_order());
    if (deleted != plan.removed.revisions) {
        throw Error(ErrorKind::damaged,
                    fmt::format("{}: not committed: {} deleted where the plan removes {}", store.info().path,
                                many(deleted, "row"), group_digits(plan.removed.revisions)));
    }
    if (execution.drop_old_values) drop_old_values(db, plan.compacted_after);
    if (execution.raft_compact_to) compact_raft_table(db, *execution.raft_compact_to);
    if (rebuild) {
        if (execution.progress != nullptr) execution.progress->update("indexing", 0, 0);
        for (const IndexInfo& i : indexes) db.run_schema(i.sql);
        statistics->put_back();
    }
    // A kine store without a compact row gains one, one with several loses the others.
    const auto compact_rows = static_cast<std::int64_t>(kine ? compact_row_ids(db).size() : 1);
    const bool moves = plan.kind == mvcc::CompactionPlan::Kind::compact;
    if (moves) record_compact_revision(db, store.info().layout, plan.compacted_after);
    verification.check(moves ? 1 - compact_rows : 0);
    writable.note_change();
    transaction.commit();
    store.trust_indexes();
}

void run_batches(SqliteWritable& writable, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                 const Execution& execution, std::int64_t batch) {
    SqliteStore& store = writable.store();
    sqlite::Database& db = store.db();
    const bool kine = store.in_kine_table();
    // The store is this process's alone from before the first batch to behind the last: once is enough.
    store.check_indexes(IndexChoice::all);
    const Batches batches(index, plan, store.info().layout, batch);
    if (!kine) {
        writable.note_change();
        if (plan.kind == mvcc::CompactionPlan::Kind::compact)
            record_scheduled_revision(db, plan.compacted_after);
    }
    std::size_t done = 0;
    do {
        const std::span<const Slot> rows = batches.from(done);
        const bool last = done + rows.size() == batches.rows();
        if (execution.progress != nullptr) execution.progress->update("deleting", done, batches.rows());
        check_interrupt();  // the statements of a small batch end before SQLite asks
        sqlite::Transaction transaction(db, sqlite::Transaction::Kind::immediate);
        const MainRevision reached = rows.empty() ? plan.compacted_after : batches.reached_by(rows);
        const std::uint64_t deleted = kine ? delete_kine(db, index, rows)
                                           : delete_native_batch(db, index, rows, reached, store.in_order());
        if (deleted != rows.size()) {
            throw Error(ErrorKind::damaged,
                        fmt::format("{}: a batch deleted {} where the plan removes {}", store.info().path,
                                    many(deleted, "row"), group_digits(std::uint64_t{rows.size()})));
        }
        if (last) {
            if (execution.drop_old_values) drop_old_values(db, plan.compacted_after);
            if (execution.raft_compact_to) compact_raft_table(db, *execution.raft_compact_to);
            if (plan.kind == mvcc::CompactionPlan::Kind::compact) {
                record_compact_revision(db, store.info().layout, plan.compacted_after);
            }
        } else if (kine && reached > plan.compacted_before) {
            record_compact_revision(db, store.info().layout, reached);
        }
        writable.note_change();
        transaction.commit();
        done += rows.size();
    } while (done < batches.rows());
}

}  // namespace

bool rebuilds_indexes(const mvcc::CompactionPlan& plan) noexcept {
    return plan.removed.revisions * 10 > plan.before.revisions;
}

void execute_in_place(SqliteWritable& writable, const mvcc::TreeIndex& index,
                      const mvcc::CompactionPlan& plan, const Execution& execution,
                      std::optional<std::int64_t> batch) {
    writable.check_pages();
    sqlite::Database& db = writable.store().db();
    db.exec("PRAGMA secure_delete=FAST");
    db.exec("PRAGMA cache_size=-65536");
    if (batch) {
        // A -wal then never grows beyond one batch: each is moved into the file before the next begins.
        db.exec("PRAGMA wal_autocheckpoint=1");
        run_batches(writable, index, plan, execution, *batch);
    } else {
        run_transaction(writable, index, plan, execution);
    }
    writable.store().refresh_info();
}

}  // namespace kvctl::store
