#include "kvctl/store/native/native.hpp"

#include <array>
#include <limits>

#include "kvctl/base/command.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/mvcc/refusals.hpp"
#include "kvctl/store/sqlite/size_model.hpp"

namespace kvctl::store {
namespace {

using mvcc::IndexRow;
using sqlite::Type;

// Text sorts above every number: this asks for the largest integer.
constexpr const char* k_newest_revision = "SELECT max(main) FROM revision WHERE main <= 9223372036854775807";
constexpr const char* k_native_record = "main, sub, tombstone, key, create_revision, version, lease, value";

mvcc::Record native_record(const sqlite::Statement& s) {
    mvcc::Record r;
    r.revision = {s.integer(0), s.integer(1)};
    r.tombstone = s.integer(2) != 0;
    r.key = s.bytes(3);
    r.create_revision = s.integer(4);
    r.version = s.integer(5);
    r.lease = s.integer(6);
    r.value = s.bytes(7);
    return r;
}

Finding bad_row(const char* code, std::int64_t main, std::int64_t sub, std::string what) {
    return {Finding::Severity::error, code, mvcc::revision_text({main, sub}), std::move(what), main};
}

}  // namespace

std::optional<NativeTables> NativeStore::find_tables(const sqlite::Database& db) {
    std::optional<TableInfo> revision = read_table(db, "revision");
    if (!revision || !revision->has_columns(k_native_columns)) return std::nullopt;
    std::optional<TableInfo> meta = read_table(db, "meta");
    if (!meta) return std::nullopt;
    return NativeTables{std::move(*revision), std::move(*meta)};
}

NativeStore::NativeStore(StoreInfo info, Connection connection, std::optional<NativeTables> tables,
                         int timeout_ms)
    : SqliteStore(std::move(info), std::move(connection), timeout_ms) {
    info_.layout = Layout::native;
    const std::int64_t application = db().integer("PRAGMA application_id").value_or(0);
    if (application != 0 && application != k_native_application_id) {
        throw Error(ErrorKind::not_a_store,
                    fmt::format("{}: application_id {} belongs to another program", info_.path, application));
    }
    const std::int64_t version = db().integer("PRAGMA user_version").value_or(0);
    if (version > k_native_version) {
        throw Error(ErrorKind::refused,
                    fmt::format("{}: layout version {} is newer than this kvctl, which knows version {}",
                                info_.path, version, k_native_version));
    }
    if (!tables) {
        throw Error(ErrorKind::not_a_store,
                    info_.path + ": not a native store: table revision or meta is not there");
    }
    if (tables->revision.without_rowid) {
        throw Error(ErrorKind::not_a_store,
                    info_.path + ": not a native store: table revision is WITHOUT ROWID");
    }
    constexpr std::array<std::string_view, 2> k_meta{"name", "value"};
    constexpr std::array<std::string_view, 2> k_lease{"id", "ttl"};
    refuse_odd_columns(tables->revision, info_.path, k_native_columns);
    refuse_odd_columns(tables->meta, info_.path, k_meta);
    if (const auto lease = read_table(db(), "lease")) refuse_odd_columns(*lease, info_.path, k_lease);
    set_table(std::move(tables->revision));
}

Cluster NativeStore::cluster() {
    Cluster c;
    for (const auto& [name, value] : meta()) {
        if (name == "raft_cluster_id") c.cluster_id = static_cast<std::uint64_t>(value);
        if (name == "members_index") c.members_at = LogIndex{static_cast<std::uint64_t>(value)};
        if (const auto id = id_of_member_row(name); id && value >= -1 && value <= 1)
            c.members[*id] = static_cast<Standing>(value);
    }
    return c;
}

const Traits& NativeStore::traits() const noexcept {
    static const Traits k_traits{
        .own_rules = {}, .versions = true, .in_place = true, .journal = true, .etcd_log = true};
    return k_traits;
}

StoreHead NativeStore::head() {
    StoreHead head;
    for (const auto& [name, value] : meta()) {
        if (name == "scheduled_compact_rev") head.scheduled = MainRevision(value);
        if (name == "finished_compact_rev") head.finished = MainRevision(value);
        if (name == "consistent_index") head.consistent_index = LogIndex(static_cast<std::uint64_t>(value));
        if (name == "term") head.term = Term(static_cast<std::uint64_t>(value));
    }
    head.compacted = head.finished.value_or(MainRevision(-1));
    const std::int64_t last = db().integer(k_newest_revision).value_or(1);
    head.current = std::max(
        {MainRevision(1), MainRevision(last), head.compacted, head.scheduled.value_or(MainRevision(1))});
    head.marked_by_restore = head.pending() && is_marked_by_restore(*head.scheduled);
    return head;
}

bool NativeStore::is_marked_by_restore(MainRevision at) {
    sqlite::Statement s = db().prepare(
        "SELECT 1 FROM revision WHERE main = ?1 AND sub = 0 AND tombstone = 0 AND length(key) = 0 AND "
        "create_revision = 0 AND version = 0");
    s.bind(1, at.value());
    return s.step();
}

std::optional<mvcc::EtcdRelease> NativeStore::release() {
    for (const char* const name : {k_storage_version, k_cluster_version}) {
        sqlite::Statement s = db().prepare(
            std::string("SELECT value FROM meta WHERE typeof(value) = 'integer' AND name = '") + name + "'");
        if (!s.step()) continue;
        if (const auto release = mvcc::EtcdRelease::of_number(s.integer(0))) return release;
    }
    return std::nullopt;
}

void NativeStore::check_head(const mvcc::TreeIndex& index) {
    const std::int64_t found = db().integer(k_newest_revision).value_or(-1);
    const std::int64_t seen =
        index.last_slot() == mvcc::k_no_slot ? -1 : index.revision(index.last_slot()).main;
    if (seen == found) return;
    throw Error(ErrorKind::damaged, fmt::format("{}: the index of the revisions ends at {}, the table at {}",
                                                info_.path, found, seen));
}

std::vector<std::pair<std::string, std::int64_t>> NativeStore::meta() {
    std::vector<std::pair<std::string, std::int64_t>> all;
    sqlite::Statement s = db().prepare("SELECT name, value FROM meta ORDER BY name");
    while (s.step()) {
        const std::string name(s.bytes(0));
        if (s.type(1) != Type::integer) {
            throw Error(ErrorKind::damaged,
                        fmt::format("{}: meta row '{}' does not hold an integer", info_.path, name));
        }
        all.emplace_back(name, s.integer(1));
    }
    return all;
}

std::vector<Lease> NativeStore::leases() {
    std::vector<Lease> all;
    if (!read_table(db(), "lease")) return all;
    sqlite::Statement s = db().prepare("SELECT id, ttl FROM lease ORDER BY id");
    while (s.step()) all.push_back({s.integer(0), s.integer(1)});
    return all;
}

std::span<const sqlite::ScanColumn> NativeStore::scan_columns() const noexcept {
    using What = sqlite::ScanColumn::What;
    static constexpr std::array<sqlite::ScanColumn, 9> k_columns{{{"main"},
                                                                  {"sub"},
                                                                  {"tombstone"},
                                                                  {"key"},
                                                                  {"create_revision"},
                                                                  {"version"},
                                                                  {"lease"},
                                                                  {"value", What::length},
                                                                  {"value", What::type}}};
    return k_columns;
}

void NativeStore::take_row(const sqlite::Values& row, Sink& sink) const {
    place(row, sink);
}

void NativeStore::take_row(const sqlite::PageRow& row, Sink& sink) const {
    place(row, sink);
}

template <class Row>
void NativeStore::place(const Row& row, Sink& sink) {
    const auto main = row[0];
    const auto sub = row[1];
    if (main.type() != Type::integer || sub.type() != Type::integer) {
        sink.findings.add({Finding::Severity::error, "wrong-type", "table revision",
                           "a row whose main or sub is not an integer: it has no place in the order",
                           std::nullopt});
        return;
    }
    IndexRow r;
    r.revision = {main.integer(), sub.integer()};
    r.key = row[3].bytes();
    r.tombstone = row[2].integer() != 0;
    r.create_revision = row[4].integer();
    r.version = row[5].integer();
    const std::int64_t lease = row[6].integer();
    const auto value = static_cast<std::uint64_t>(row[7].integer());
    r.bytes = r.key.size() + value;
    r.overhead = 8 + serial_bytes(r.key.size()) + (row[7].null() ? 1 : serial_bytes(value)) - 1 +
                 integer_bytes(r.revision.main) + integer_bytes(r.revision.sub) +
                 integer_bytes(r.create_revision) + integer_bytes(r.version) + integer_bytes(lease);

    const bool integers = row[2].type() == Type::integer && row[4].type() == Type::integer &&
                          row[5].type() == Type::integer && row[6].type() == Type::integer;
    const std::string_view value_type = row[8].bytes();
    const char* wrong = nullptr;
    const char* code = "wrong-type";
    if (!integers) {
        wrong = "a column that must hold an integer does not";
    } else if (row[3].type() != Type::blob) {
        wrong = "the key is not a blob";
    } else if (value_type[0] != 'b' && value_type[0] != 'n') {
        wrong = "the value is not a blob";
    } else if (row[2].integer() != 0 && row[2].integer() != 1) {
        wrong = "tombstone is neither 0 nor 1";
    } else if (r.revision.main < 0 || r.revision.sub < 0) {
        wrong = "the revision is negative";
        code = "negative-revision";
    } else if (r.tombstone && !row[7].null()) {
        wrong = "a tombstone with a value";
        code = "tombstone-value";
    }
    if (wrong != nullptr) {
        sink.findings.add(bad_row(code, r.revision.main, r.revision.sub, wrong));
        // What is no key or no flag cannot be judged: such a row stays whatever happens.
        if (!integers || row[3].null()) r.kind = IndexRow::Kind::unkeyed;
    }
    sink.push(r);
}

void NativeStore::each_record(MainRevision from, MainRevision to,
                              const std::function<void(const mvcc::Record&)>& f) {
    sqlite::Statement s = db().prepare(std::string("SELECT ") + k_native_record +
                                       " FROM revision WHERE main BETWEEN ?1 AND ?2 ORDER BY main, sub");
    s.bind(1, from.value()).bind(2, to.value());
    while (s.step()) f(native_record(s));
    check_unchanged();
}

// In an order that only the primary key's index tells: it must name the rows that the table holds.
void NativeStore::every_record_by_index(const std::function<void(const mvcc::Record&)>& f) {
    struct Sum {
        std::uint64_t rows = 0;
        std::uint64_t of_hashes = 0;  // whatever the order
        void add(std::int64_t main, std::int64_t sub) {
            ++rows;
            const std::array<std::int64_t, 2> both{main, sub};
            of_hashes += mvcc::hash_key({reinterpret_cast<const char*>(both.data()), sizeof both});
        }
        bool operator==(const Sum&) const = default;
    };
    Sum told;
    each_record(MainRevision(std::numeric_limits<std::int64_t>::min()),
                MainRevision(std::numeric_limits<std::int64_t>::max()), [&](const mvcc::Record& r) {
                    told.add(r.revision.main, r.revision.sub);
                    f(r);
                });
    Sum held;
    sqlite::Statement s = db().prepare("SELECT main, sub FROM revision NOT INDEXED");
    while (s.step()) held.add(s.integer(0), s.integer(1));
    if (told == held) return;
    throw Error(ErrorKind::damaged, fmt::format("{}: the primary key's index names {} rows, the table holds "
                                                "{} or others: {} tells what is wrong",
                                                info_.path, group_digits(told.rows), group_digits(held.rows),
                                                command_on(info_.path, "check")));
}

void NativeStore::every_record(const std::function<void(const mvcc::Record&)>& f,
                               const std::function<void()>& restart) {
    mvcc::Revision last{std::numeric_limits<std::int64_t>::min(), 0};
    sqlite::Statement s =
        db().prepare(std::string("SELECT ") + k_native_record + " FROM revision NOT INDEXED ORDER BY rowid");
    while (s.step()) {
        const mvcc::Record r = native_record(s);
        if (r.revision < last) {
            s.reset();
            restart();
            every_record_by_index(f);
            return;
        }
        last = r.revision;
        f(r);
    }
    check_unchanged();
}

std::optional<mvcc::Record> NativeStore::record(mvcc::Revision revision) {
    if (!by_revision_) {
        by_revision_ = db().prepare(std::string("SELECT ") + k_native_record +
                                    " FROM revision WHERE main = ?1 AND sub = ?2");
    }
    by_revision_->reset();
    by_revision_->bind(1, revision.main).bind(2, revision.sub);
    if (!by_revision_->step()) return std::nullopt;
    return native_record(*by_revision_);
}

std::optional<mvcc::TreeIndex> NativeStore::load_key(std::string_view key, const mvcc::CompactionRules& rules,
                                                     Findings& findings) {
    if (!table().indexed_by("key")) return std::nullopt;
    mvcc::TreeIndex index(rules);
    index.add_segments(1);
    Sink sink{index, 0, {}, {}};
    // A key that is no blob is a finding, but a key.
    sqlite::Statement s = db().prepare("SELECT " + sql_of(scan_columns()) +
                                       " FROM revision WHERE key IN (?1, ?2, CAST(?2 AS NUMERIC))"
                                       " ORDER BY main, sub");
    s.bind_blob(1, key).bind_text(2, key);
    while (s.step()) place(sqlite::Row(s), sink);
    index.add(0, sink.batch);
    if (!index.seal()) throw Error(ErrorKind::damaged, info_.path + ": table revision is out of order");
    FindingLog log;
    log.add(sink.findings);
    for (Finding& f : log.take()) findings.push_back(std::move(f));
    check_unchanged();
    return index;
}

}  // namespace kvctl::store
