#include <limits>

#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/store/kine/kine.hpp"

// A table kine whose id is not its primary key: what reads takes its rows by id, nothing writes to it.

namespace kvctl::store {

// INTEGER PRIMARY KEY in a column list that says no more. What else is a key has an index of its own: one
// over several columns, and, by an old mistake of SQLite's, INTEGER PRIMARY KEY DESC.
bool KineStore::is_keyed(const sqlite::Database& db, const TableInfo& kine) {
    const Column& id = *kine.column("id");
    if (id.primary_key != 1 || !same_name(id.type, "INTEGER")) return false;
    // position, name, unique, origin, partial
    sqlite::Statement indexes = db.prepare("PRAGMA main.index_list(" + sqlite::quote_name(kine.name) + ")");
    while (indexes.step()) {
        if (indexes.bytes(3) == "pk") return false;
    }
    return true;
}

std::string KineStore::why_keyless() const {
    return fmt::format(
        "id is not its primary key, as after a round trip through CSV or SQL: kine 0.14 serves it, but its "
        "new rows have id NULL and are not found again; what reads takes the rows by id, nothing writes: "
        "restore a backup of the file, or {} makes the table anew",
        command_on(info_.path, "import --to kine -o NEW"));
}

void KineStore::refuse_keyless() const {
    if (!keyed_)
        throw Error(ErrorKind::refused, fmt::format("{}: table kine: {}", info_.path, why_keyless()));
}

void KineStore::check_executable(Findings& findings) {
    if (!keyed_) {
        findings.push_back(
            {Finding::Severity::error, "not-executable", "table kine", why_keyless(), std::nullopt});
        refuse_keyless();
    }
    SqliteStore::check_executable(findings);
}

const RowsById& KineStore::rows_by_id() {
    if (by_id_) return *by_id_;
    RowsById rows;
    std::uint64_t n = 0;
    sqlite::Statement s = db().prepare("SELECT rowid, id FROM kine NOT INDEXED");
    while (s.step()) {
        if ((++n & 0xFFF) == 0) check_interrupt();
        rows.add(s.integer(0), s.type(1), s.integer(1));
    }
    rows.sort();
    check_unchanged();
    by_id_ = std::move(rows);
    return *by_id_;
}

mvcc::TreeIndex KineStore::load(const mvcc::CompactionRules& rules, Findings& findings, Progress* progress) {
    if (keyed_) return SqliteStore::load(rules, findings, progress);
    begin_scan();
    by_id_.reset();
    const RowsById& order = rows_by_id();
    mvcc::TreeIndex index(rules, with_prev_revision());
    index.add_segments(1);
    Sink sink{index, 0, {}, {}};
    order.note(Finding::Severity::warning, sink.findings);
    sqlite::Statement one = db().prepare("SELECT " + sql_of(scan_columns()) + " FROM kine WHERE rowid = ?1");
    std::uint64_t n = 0;
    for (const RowsById::Place& p : order.all()) {
        if ((++n & 0xFFF) == 0) {
            check_interrupt();
            if (progress != nullptr) progress->update("reading", n, order.all().size());
        }
        one.reset();
        one.bind(1, p.rowid);
        if (!one.step()) {
            check_unchanged();
            throw Error(ErrorKind::damaged,
                        fmt::format("{}: row {} cannot be found by its rowid", info_.path, p.id));
        }
        place(sqlite::Row(one), sink);
    }
    index.add(0, sink.batch);
    if (!index.seal()) throw Error(ErrorKind::damaged, info_.path + ": table kine is out of order");
    check_unchanged();
    for (Finding& f : sink.findings.take()) findings.push_back(std::move(f));
    return index;
}

std::optional<std::int64_t> KineStore::rowid_of(std::int64_t id) {
    if (keyed_) return id;
    const std::span<const RowsById::Place> rows = rows_by_id().between(id, id);
    if (rows.empty()) return std::nullopt;
    if (rows.size() > 1) {
        throw Error(ErrorKind::damaged,
                    fmt::format("{}: row {}: {} rows have this id: which of them is meant cannot be told "
                                "({} names all such rows)",
                                info_.path, id, rows.size(), command_on(info_.path, "check")));
    }
    return rows.front().rowid;
}

}  // namespace kvctl::store
