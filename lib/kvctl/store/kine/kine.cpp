#include "kvctl/store/kine/kine.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/store/sqlite/size_model.hpp"

namespace kvctl::store {
namespace {

using mvcc::IndexRow;
using sqlite::Type;

constexpr const char* k_record =
    "id, name, deleted, prev_revision, length(value), create_revision, lease, value, length(old_value)";

mvcc::Record record_of(const sqlite::Statement& s) {
    mvcc::Record r;
    r.revision = {s.integer(0), 0};
    r.key = s.bytes(1);
    r.tombstone = s.integer(2) != 0;
    r.stored_bytes =
        r.key.size() + static_cast<std::uint64_t>(s.integer(4)) + static_cast<std::uint64_t>(s.integer(8));
    if (!r.tombstone) {
        // The creating row stores 0, or NULL since kine 0.17.3: it is its own create revision.
        r.create_revision = s.integer(5) == 0 ? s.integer(0) : s.integer(5);
        r.lease = s.integer(6);
        r.value = s.bytes(7);
    }
    return r;
}

// What a row is whose first columns are id, name, deleted and prev_revision. A row of no key's either cannot
// be told apart from one, or has the shape in which kine fills an id that it expected and did not find.
template <class Row>
IndexRow::Kind kind_of(const Row& row, std::int64_t value_length) {
    if (row[1].null() || row[2].type() != Type::integer) return IndexRow::Kind::unkeyed;
    const std::string_view name = row[1].bytes();
    const bool gap = row[2].integer() != 0 && row[3].integer() == 0 && value_length == 0 &&
                     name.starts_with("gap-") && name.substr(4) == std::to_string(row[0].integer());
    return gap ? IndexRow::Kind::gap : IndexRow::Kind::keyed;
}

// Whether SQLite makes a number of a text where a column asks for numbers.
bool looks_like_number(std::string_view text) {
    const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && blank(text.back())) text.remove_suffix(1);
    if (!text.empty() && (text.front() == '+' || text.front() == '-')) text.remove_prefix(1);
    if (text.empty() || (text.front() != '.' && (text.front() < '0' || text.front() > '9'))) return false;
    double number = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    return end == text.data() + text.size() && code != std::errc::invalid_argument;
}

// A key (?1 as text, ?2 as a blob) in every way a row of `table` can hold it: affinity makes numbers of some
// names.
std::string named(const std::string& table) {
    return table + ".name IN (?1, ?2, CAST(?1 AS NUMERIC))";
}

}  // namespace

std::optional<TableInfo> KineStore::find_table(const sqlite::Database& db) {
    std::optional<TableInfo> kine = read_table(db, "kine");
    if (kine && !kine->has_columns(k_kine_columns)) kine.reset();
    return kine;
}

KineStore::KineStore(StoreInfo info, Connection connection, std::optional<TableInfo> kine, int timeout_ms)
    : SqliteStore(std::move(info), std::move(connection), timeout_ms) {
    info_.layout = Layout::kine;
    if (!kine) {
        throw Error(ErrorKind::not_a_store,
                    info_.path + ": not a kine store: table kine or one of its columns is not there");
    }
    if (kine->without_rowid) {
        throw Error(ErrorKind::not_a_store, info_.path + ": not a kine store: table kine is WITHOUT ROWID");
    }
    refuse_odd_columns(*kine, info_.path, k_kine_columns);
    keyed_ = is_keyed(db(), *kine);
    set_table(std::move(*kine));
    name_affinity_ = affinity_of(table().column("name")->type);
    if (legacy_rows() > 0 && !db().integer("SELECT 1 FROM kine LIMIT 1")) {
        throw Error(ErrorKind::refused,
                    fmt::format("{}: {}, stand in key_value and none in kine: the store has not been "
                                "migrated; start a kine before 0.17.3, or a k3s with one, once, which does "
                                "it (a newer one starts as an empty cluster beside them)",
                                info_.path, *legacy_table()));
    }
}

std::int64_t KineStore::legacy_rows() {
    if (!read_table(db(), "key_value")) return 0;
    return db().integer("SELECT count(*) FROM key_value").value_or(0);
}

std::optional<std::string> KineStore::legacy_table() {
    const std::optional<TableInfo> legacy = read_table(db(), "key_value");
    if (!legacy) return std::nullopt;
    // With its indexes: what goes when it goes.
    sqlite::Statement bytes = db().prepare(
        "SELECT sum(d.pgsize) FROM sqlite_schema AS m, dbstat AS d"
        " WHERE m.tbl_name = ?1 AND m.rootpage > 0 AND d.name = m.name AND d.aggregate = TRUE");
    bytes.bind_text(1, legacy->name);
    const std::int64_t size = bytes.step() ? bytes.integer(0) : 0;
    return fmt::format("{}, {} of the file", many(static_cast<std::uint64_t>(legacy_rows()), "row"),
                       format_bytes_exact(static_cast<std::uint64_t>(size)));
}

std::vector<std::int64_t> KineStore::compact_rows() {
    std::vector<std::int64_t> ids;
    sqlite::Statement s = db().prepare("SELECT id FROM kine WHERE name = 'compact_rev_key' ORDER BY id");
    while (s.step()) ids.push_back(s.integer(0));
    return ids;
}

const Traits& KineStore::traits() const noexcept {
    static const Traits k_traits{.own_rules = mvcc::kine_rules(),
                                 .old_values = true,
                                 .in_place = true,
                                 .lease_is_ttl = true,
                                 .journal = true,
                                 .live = true};
    return k_traits;
}

StoreHead KineStore::head() {
    StoreHead head;
    head.current = MainRevision(
        db().integer(keyed_ ? "SELECT max(id) FROM kine NOT INDEXED"
                            : "SELECT max(id) FROM kine NOT INDEXED WHERE typeof(id) = 'integer'")
            .value_or(0));
    head.compacted = MainRevision(0);
    sqlite::Statement s =
        db().prepare("SELECT id, prev_revision FROM kine WHERE name = 'compact_rev_key' ORDER BY id");
    while (s.step()) {
        ++head.bookkeeping_rows;
        if (s.type(1) != Type::integer) {
            throw Error(
                ErrorKind::damaged,
                fmt::format(
                    "{}: row {}: the compact row's prev_revision, the compact revision, is no integer",
                    info_.path, s.integer(0)));
        }
        head.compacted = std::max(head.compacted, MainRevision(s.integer(1)));
    }
    head.bookkeeping_row_missing = head.bookkeeping_rows == 0;
    return head;
}

void KineStore::check_head(const mvcc::TreeIndex& /*index*/) {
    const std::uint64_t seen = compact_rows_seen_;
    const std::uint64_t found = compact_rows().size();
    if (seen == found) return;
    throw Error(
        ErrorKind::damaged,
        fmt::format("{}: an index by name finds {} rows with the compact revision, the table holds {}",
                    info_.path, found, seen));
}

std::span<const sqlite::ScanColumn> KineStore::scan_columns() const noexcept {
    using What = sqlite::ScanColumn::What;
    static constexpr std::array<sqlite::ScanColumn, 9> k_columns{{{"id"},
                                                                  {"name"},
                                                                  {"deleted"},
                                                                  {"prev_revision"},
                                                                  {"create_revision"},
                                                                  {"lease"},
                                                                  {"value", What::length},
                                                                  {"old_value", What::length},
                                                                  {"created"}}};
    return k_columns;
}

template <class Row>
void KineStore::count_and_place(const Row& row, Sink& sink) const {
    const Type name = row[1].type();
    if (name == Type::text && row[1].bytes() == k_compact_row_name) ++compact_rows_seen_;
    if (name_affinity_ == Affinity::text ? name == Type::integer || name == Type::real
                                         : name == Type::text && name_affinity_ == Affinity::numeric &&
                                               looks_like_number(row[1].bytes())) {
        ++misfit_names_;
    }
    place(row, sink);
}

void KineStore::take_row(const sqlite::Values& row, Sink& sink) const {
    count_and_place(row, sink);
}

void KineStore::take_row(const sqlite::PageRow& row, Sink& sink) const {
    count_and_place(row, sink);
}

std::string KineStore::why_not_copied() const {
    if (!keyed_) return why_keyless();
    const std::uint64_t names = misfit_names_;
    if (names == 0) return {};
    return fmt::format(
        "{} that reads as a number: stored as another type than the table's column asks for, as "
        "KINE_SCHEMA_MIGRATION leaves them; a copy would change them, and two that become the same collide "
        "in the unique index; --strategy in-place works, and --vacuum with it",
        many(names, "name"));
}

template <class Row>
void KineStore::place(const Row& row, Sink& sink) const {
    IndexRow r;
    r.revision = {row[0].integer(), 0};
    r.key = row[1].bytes();
    if (r.key == k_compact_row_name) return;
    r.tombstone = row[2].integer() != 0;
    r.prev_revision = row[3].integer();
    const std::int64_t created = row[4].integer();
    const std::int64_t lease = row[5].integer();
    const auto value = static_cast<std::uint64_t>(row[6].integer());
    const auto old_value = static_cast<std::uint64_t>(row[7].integer());
    if (!r.tombstone) {
        r.create_revision = created == 0 ? r.revision.main : created;
        r.version = 1;
    }
    r.bytes = r.key.size() + value + old_value;
    r.overhead = 7 + serial_bytes(r.key.size()) + (value > 0 ? serial_bytes(value) : 1) +
                 (old_value > 0 ? serial_bytes(old_value) : 1) + integer_bytes(created) +
                 integer_bytes(r.prev_revision) + integer_bytes(lease);
    r.kind = kind_of(row, row[6].integer());
    if (!keyed_) r.overhead += integer_bytes(r.revision.main);
    const char* wrong = nullptr;
    const char* code = "wrong-type";
    if (row[1].null() || row[2].null()) {
        wrong = "name or deleted is NULL: the row is never removed";
        code = "null-column";
    } else if (r.kind == IndexRow::Kind::unkeyed) {
        wrong = "deleted is not an integer: the row is never removed";
    } else if (r.kind == IndexRow::Kind::gap) {
        // NULL where kine would refuse it in another row does no harm.
    } else if (row[3].null() || row[5].null() ||
               (row[4].null() && (row[8].type() != Type::integer || row[8].integer() == 0 || r.tombstone))) {
        // A row that creates a key holds no create_revision since kine 0.17.3.
        wrong = "prev_revision, create_revision or lease is NULL: kine cannot read such a row";
        code = "null-column";
    } else if (row[3].type() != Type::integer) {
        wrong = "prev_revision is not an integer";
    }
    if (wrong != nullptr) {
        sink.findings.add({Finding::Severity::warning, code, fmt::format("row {}", r.revision.main), wrong,
                           r.revision.main});
    }
    sink.push(r);
}
template void KineStore::place(const sqlite::Row& row, Sink& sink) const;

void KineStore::each_record(MainRevision from, MainRevision to,
                            const std::function<void(const mvcc::Record&)>& f) {
    const auto hand_out = [&](const sqlite::Statement& s) {
        if (kind_of(sqlite::Row(s), s.integer(4)) == IndexRow::Kind::keyed) f(record_of(s));
    };
    if (!keyed_) {
        sqlite::Statement one = db().prepare(std::string("SELECT ") + k_record +
                                             " FROM kine WHERE rowid = ?1 AND name IS NOT 'compact_rev_key'");
        for (const RowsById::Place& p : rows_by_id().between(from.value(), to.value())) {
            one.reset();
            one.bind(1, p.rowid);
            if (one.step()) hand_out(one);
        }
        check_unchanged();
        return;
    }
    sqlite::Statement s =
        db().prepare(std::string("SELECT ") + k_record +
                     " FROM kine NOT INDEXED WHERE id BETWEEN ?1 AND ?2 AND name IS NOT 'compact_rev_key'"
                     " ORDER BY id");
    s.bind(1, from.value()).bind(2, to.value());
    while (s.step()) hand_out(s);
    check_unchanged();
}

void KineStore::each_old_value(
    const std::function<void(MainRevision, std::string_view, std::string_view)>& f) {
    const std::string columns =
        "SELECT id, name, old_value FROM kine NOT INDEXED WHERE length(old_value) > 0"
        " AND name IS NOT 'compact_rev_key'";
    const auto hand_out = [&](const sqlite::Statement& s) {
        f(MainRevision(s.integer(0)), s.bytes(1), s.bytes(2));
    };
    if (keyed_) {
        sqlite::Statement s = db().prepare(columns + " ORDER BY id");
        while (s.step()) hand_out(s);
    } else {
        sqlite::Statement one = db().prepare(columns + " AND rowid = ?1");
        for (const RowsById::Place& p : rows_by_id().all()) {
            one.reset();
            one.bind(1, p.rowid);
            if (one.step()) hand_out(one);
        }
    }
    check_unchanged();
}

std::optional<mvcc::Record> KineStore::record(mvcc::Revision revision) {
    if (revision.sub != 0) return std::nullopt;
    const std::optional<std::int64_t> rowid = rowid_of(revision.main);
    if (!rowid) return std::nullopt;
    if (!by_revision_)
        by_revision_ = db().prepare(std::string("SELECT ") + k_record + " FROM kine WHERE rowid = ?1");
    by_revision_->reset();
    by_revision_->bind(1, *rowid);
    if (!by_revision_->step()) return std::nullopt;
    return record_of(*by_revision_);
}

// True when each row but the last is pointed at by the next one, or is a tombstone: then no row of another
// key can change what is said of them.
bool KineStore::place_all(std::string_view key, const std::string& where, Sink& sink) {
    sqlite::Statement s =
        db().prepare("SELECT " + sql_of(scan_columns()) + " FROM kine WHERE " + where + " ORDER BY id");
    s.bind_text(1, key).bind_blob(2, key);
    bool whole = true;
    std::int64_t live = 0;  // the row before, unless it is a tombstone
    while (s.step()) {
        const sqlite::Row row(s);
        place(row, sink);
        if (row[1].bytes() != key) continue;
        whole = whole && (live == 0 || row[3].integer() == live);
        live = row[2].integer() == 0 ? row[0].integer() : 0;
    }
    return whole;
}

std::optional<mvcc::TreeIndex> KineStore::load_key(std::string_view key, const mvcc::CompactionRules& rules,
                                                   Findings& findings) {
    if (!keyed_ || !table().indexed_by("name")) return std::nullopt;
    // The index finds the texts alone, and a row of the key may hold a number.
    if (name_affinity_ == Affinity::text && looks_like_number(key)) return std::nullopt;
    mvcc::TreeIndex index(rules, true);
    FindingLog log;
    const auto place_rows = [&](const std::string& where) {
        index.clear();
        index.add_segments(1);
        Sink sink{index, 0, {}, {}};
        const bool whole = place_all(key, where, sink);
        index.add(0, sink.batch);
        log = {};
        log.add(sink.findings);
        return whole;
    };
    if (!place_rows(named("kine"))) {
        if (!table().indexed_by("prev_revision")) return std::nullopt;
        // The rows that point at those, under whatever name, too.
        (void)place_rows("id IN (SELECT id FROM kine WHERE " + named("kine") +
                         " UNION SELECT p.id FROM kine AS k CROSS JOIN kine AS p WHERE " + named("k") +
                         " AND p.prev_revision = k.id AND p.prev_revision <> 0)");
    }
    if (!index.seal()) throw Error(ErrorKind::damaged, info_.path + ": table kine is out of order");
    for (Finding& f : log.take()) findings.push_back(std::move(f));
    check_unchanged();
    return index;
}

}  // namespace kvctl::store
