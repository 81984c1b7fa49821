#include <algorithm>
#include <functional>
#include <optional>

#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/fd.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/store/sqlite/bookkeeping.hpp"
#include "kvctl/store/sqlite/copy_schema.hpp"
#include "kvctl/store/sqlite/execute.hpp"

namespace kvctl::store {
namespace {

using mvcc::Slot;

// The revision table's columns as they are selected from the source.
std::string selected_columns(const SqliteStore& store, const mvcc::CompactionPlan& plan,
                             bool drop_old_values) {
    std::string list;
    for (const Column& c : store.table().columns) {
        if (c.generated) continue;
        if (!list.empty()) list += ", ";
        if (drop_old_values && same_name(c.name, "old_value")) {
            list += "CASE WHEN id <= " + std::to_string(plan.compacted_after.value()) +
                    " THEN NULL ELSE old_value END";
        } else {
            list += sqlite::quote_name(c.name);
        }
    }
    return list;
}

// Copies the rows that stay. Rows the index does not know are kine's compact rows; those are few and all
// copied.
void copy_survivors(sqlite::Database& db, SqliteStore& store, const mvcc::TreeIndex& index,
                    const mvcc::CompactionPlan& plan, const Execution& execution) {
    const bool kine = store.in_kine_table();
    SlotCursor cursor(index);
    std::uint64_t seen = 0;
    db.add_predicate("kvctl_stays", kine ? 1 : 2, [&](std::int64_t main, std::int64_t sub) {
        if (main > plan.current.value()) return false;  // written after the plan was made
        if ((++seen & 0xFFF) == 0 && execution.progress != nullptr) {
            execution.progress->update("copying", seen, plan.before.revisions);
        }
        const Slot s = cursor.at({main, sub});
        return s == mvcc::k_no_slot ? kine : !plan.removed_slots.contains(s);
    });
    const std::string table = sqlite::quote_name(store.table().name);
    const std::string columns = store.table().column_list();
    const std::string select = "INSERT INTO main." + table + " (" + columns + ") SELECT " +
                               selected_columns(store, plan, execution.drop_old_values) + " FROM src." +
                               table;
    // Few rows among many are fetched one by one; else the whole table is read once.
    const bool few = kine && plan.kept.revisions * 8 < plan.before.revisions;
    // Rows that the plan was made without would be lost.
    const auto expect = [&](std::uint64_t rows) {
        if (rows == store.rows_read()) return;
        throw Error(ErrorKind::damaged,
                    fmt::format("{}: table {} has {} rows, of which {} can be found by rowid; {} tells what "
                                "is wrong",
                                store.info().path, store.table().name, group_digits(rows),
                                group_digits(store.rows_read()), command_on(store.info().path, "check")));
    };
    if (!few) {
        if (kine) {
            db.exec(select + " NOT INDEXED WHERE kvctl_stays(id) ORDER BY id");
        } else {
            db.exec(select + (store.in_order() ? " NOT INDEXED WHERE kvctl_stays(main, sub)"
                                               : " WHERE kvctl_stays(main, sub) ORDER BY main, sub"));
        }
        expect(seen);
        return;
    }
    expect(static_cast<std::uint64_t>(store.db().integer("SELECT count(*) FROM kine").value_or(0)));
    std::vector<std::int64_t> extra;
    sqlite::Statement compact_rows =
        db.prepare("SELECT id FROM src.kine WHERE name = 'compact_rev_key' ORDER BY id");
    while (compact_rows.step()) extra.push_back(compact_rows.integer(0));
    sqlite::Statement one = db.prepare(select + " WHERE id = ?1");
    auto next = extra.begin();
    std::uint64_t done = 0;
    const auto copy = [&](std::int64_t id) {
        one.bind(1, id).run();
        if ((++done & 0xFF) == 0) {
            check_interrupt();
            if (execution.progress != nullptr)
                execution.progress->update("copying", done, plan.kept.revisions);
        }
    };
    index.for_each_row(0, index.slot_end(), [&](Slot s) {
        if (plan.removed_slots.contains(s)) return;
        const std::int64_t id = index.revision(s).main;
        for (; next != extra.end() && *next < id; ++next) copy(*next);
        copy(id);
    });
    for (; next != extra.end(); ++next) copy(*next);
}

void build(const TempFile& file, SqliteStore& store, const mvcc::TreeIndex& index,
           const mvcc::CompactionPlan& plan, const Execution& execution, bool lockless,
           const std::function<void()>& rows_copied = {}) {
    sqlite::Database db = create_like(file.path(), store.db(), store.info(), lockless);
    const EarlySync early(file);
    db.exec("BEGIN");
    copy_tables(db);
    // What is copied from here on is what SQLite shows now, and the plan was made from what it showed then.
    // Of kine all rows are compared with the plan, and a server that writes on is no reason to stop.
    if (!lockless && !store.in_kine_table() && store.changed()) throw_changed(store.info().path);
    // Planning read the table's pages with this check on; a mapped page is checked whenever it is met again,
    // which took a third of the time that few rows among many take.
    db.exec("PRAGMA cell_size_check=OFF");
    copy_survivors(db, store, index, plan, execution);
    db.exec("PRAGMA cell_size_check=ON");
    copy_other_rows(db, store.table().name);
    if (rows_copied) {
        db.exec("PRAGMA src.mmap_size=0");
        rows_copied();
    }
    if (execution.progress != nullptr) execution.progress->update("indexing", 0, 0);
    copy_indexes(db);
    if (execution.raft_compact_to) compact_raft_table(db, *execution.raft_compact_to);
    if (plan.kind == mvcc::CompactionPlan::Kind::compact) {
        record_compact_revision(db, store.info().layout, plan.compacted_after);
    }
    db.exec("COMMIT");
    db.exec("DETACH src");
    db.close();
}

// Marks a complete file as one in WAL mode, as its source was; nothing else of it changes.
void mark_wal_mode(const TempFile& file) {
    if (const int error = write_all(file.descriptor(), "\2\2", 18); error != 0)
        throw io_error(file.path(), "cannot write its header", error);
}

// The new file read back must hold the rows the plan keeps, and count on from where the old one stood.
void verify(const std::string& path, SqliteStore& store, const mvcc::TreeIndex& index,
            const mvcc::CompactionPlan& plan, const Execution& execution) {
    const auto fail = [&](const std::string& what) {
        // What was copied is what SQLite read: that it is not what was planned is the store's fault.
        throw Error(ErrorKind::damaged,
                    fmt::format("{}: the new file was thrown away: {}; {} tells what is wrong with the store",
                                store.info().path, what, command_on(store.info().path, "check")));
    };
    OpenOptions options;
    options.layout = store.in_kine_table() ? Layout::kine : Layout::native;
    const StoreInfo info = inspect_file(path, path);
    const std::unique_ptr<SqliteStore> copy = make_sqlite_store(info, open_for_reading(info, 0), options);
    Findings findings;
    const mvcc::TreeIndex left = copy->load(plan.rules, findings, nullptr);
    const bool with_bytes = !execution.drop_old_values;
    if (left.total().revisions != plan.kept.revisions) {
        fail(fmt::format("{} rows were copied where the plan keeps {}", group_digits(left.total().revisions),
                         group_digits(plan.kept.revisions)));
    }
    if (mvcc::digest_rows(left, left.slot_end(), nullptr, with_bytes) !=
        mvcc::digest_rows(index, index.slot_end(), &plan.removed_slots, with_bytes)) {
        fail("other rows were copied than the plan keeps");
    }
    const StoreHead head = copy->head();
    if (head.current < plan.current || head.compacted != plan.compacted_after)
        fail("its counters are not the plan's");
}

// Runs `f`, which works on the new file: what is wrong with its content is wrong with the store.
template <class F>
void in_the_name_of(const SqliteStore& store, const TempFile& file, F f) {
    try {
        f();
    } catch (const Error& e) {
        const std::string message = e.what();
        const bool content = e.kind() == ErrorKind::damaged || e.kind() == ErrorKind::refused;
        if (!content || !message.starts_with(file.path())) throw;
        throw Error(e.kind(), store.info().path + message.substr(file.path().size()));
    }
}

}  // namespace

void check_copyable(const SqliteStore& store) {
    const std::string why = store.why_not_copied();
    if (why.empty()) return;
    throw Error(ErrorKind::refused, fmt::format("{}: cannot be copied: {}", store.info().path, why));
}

void execute_rewrite(SqliteWritable& writable, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                     const Execution& execution) {
    check_copyable(writable.store());
    SqliteStore& store = writable.store();
    Replacement replacement = writable.begin_replacement();
    TempFile& file = replacement.file();
    std::optional<EarlyFree> freeing;
    in_the_name_of(store, file, [&] {
        build(file, store, index, plan, execution, true, [&] { freeing.emplace(writable.file()); });
        verify(file.path(), store, index, plan, execution);
    });
    if (store.info().wal_mode) mark_wal_mode(file);
    freeing.reset();  // the file is closed next
    writable.replace_by(replacement);
}

void SqliteStore::copy_compacted(const TempFile& file, const mvcc::TreeIndex& index,
                                 const mvcc::CompactionPlan& plan, const Execution& execution) {
    SqliteStore& store = *this;
    check_copyable(store);
    copy_one_moment(store, [&] {
        in_the_name_of(store, file, [&] {
            build(file, store, index, plan, execution, store.lockless());
            verify(file.path(), store, index, plan, execution);
        });
    });
}

void SqliteStore::write_compacted(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                                  const Execution& execution, const std::string& output) {
    expect_new(output);
    TempFile file(output);
    copy_compacted(file, index, plan, execution);
    if (info().wal_mode) mark_wal_mode(file);
    file.take_rights_of(info().real_path);
    file.sync();
    check_interrupt();
    file.publish_as_new(output);
}

void shrink(SqliteWritable& writable, Progress* progress) {
    SqliteStore& store = writable.store();
    if (progress != nullptr) progress->update("shrinking", 0, 0);
    // VACUUM copies an index as it stands, right or wrong.
    store.check_indexes(IndexChoice::all);
    if (writable.several_names() || !writable.idle_holders().empty()) {
        writable.note_change();
        store.db().exec("VACUUM");
        writable.checkpoint();
        store.refresh_info();
        return;
    }
    const bool compacted = writable.may_have_changed();
    Replacement replacement = writable.begin_replacement();
    {
        const EarlySync early(replacement.file());
        store.db().prepare("VACUUM INTO ?1").bind_text(1, replacement.file().path()).run();
    }
    if (store.info().wal_mode) mark_wal_mode(replacement.file());
    try {
        writable.replace_by(replacement);
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::in_use || !compacted) throw;
        throw Error(e.kind(), fmt::format("{}; it is compacted, and {} shrinks it", e.what(),
                                          command_on(store.info().path, "vacuum")));
    }
}

}  // namespace kvctl::store
