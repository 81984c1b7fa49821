#include <algorithm>
#include <array>
#include <unordered_set>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/command.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/mvcc/refusals.hpp"
#include "kvctl/mvcc/revision_audit.hpp"
#include "kvctl/store/check_parts.hpp"
#include "kvctl/store/cluster.hpp"
#include "kvctl/store/native/native.hpp"

namespace kvctl::store {
namespace {

using Severity = Finding::Severity;
using sqlite::Type;

struct Counters {
    MainRevision finished{-1};
    std::optional<MainRevision> scheduled;
};

void check_layout(const NativeStore& store, FindingLog& log) {
    const TableInfo& table = store.table();
    const bool keyed = std::any_of(table.indexes.begin(), table.indexes.end(), [](const IndexInfo& i) {
        return i.unique && !i.partial && i.is_on({"main", "sub"});
    });
    if (!keyed) {
        log.add(finding(Severity::error, "missing-index", "table revision",
                        "there is no primary key (main, sub): a revision can repeat"));
    }
}

// Whether a name of table meta is known, and whether its value is signed (a revision) or any 64 bits.
enum class Name { revision, bits, unknown };
Name kind_of(std::string_view name) {
    constexpr std::array<std::string_view, 2> k_revisions{"scheduled_compact_rev", "finished_compact_rev"};
    constexpr std::array<std::string_view, 12> k_bits{
        "consistent_index", "term",          "raft_snapshot_index", "raft_snapshot_term",
        "raft_term",        "raft_vote",     "raft_commit",         "raft_member_id",
        "raft_cluster_id",  "members_index", k_storage_version,     k_cluster_version};
    if (id_of_member_row(name)) return Name::bits;
    if (std::find(k_revisions.begin(), k_revisions.end(), name) != k_revisions.end()) return Name::revision;
    return std::find(k_bits.begin(), k_bits.end(), name) != k_bits.end() ? Name::bits : Name::unknown;
}

Counters check_meta(NativeStore& store, CheckResult& result, FindingLog& log) {
    Counters c;
    attempt(log, "unreadable-meta", "table meta", [&] {
        sqlite::Statement s = store.db().prepare("SELECT name, value FROM meta ORDER BY name");
        while (s.step()) {
            const std::string name(s.bytes(0));
            const std::string where = "meta " + name;
            const Name kind = kind_of(name);
            if (s.type(1) != Type::integer) {
                log.add(finding(Severity::error, "meta-type", where, "its value is not an integer"));
                continue;
            }
            const std::int64_t value = s.integer(1);
            if (kind == Name::unknown) {
                log.add(finding(Severity::info, "meta-unknown", where, "a name this version does not know"));
            } else if (kind == Name::revision && value < 0) {
                log.add(finding(Severity::error, "meta-negative", where,
                                fmt::format("a compact revision of {}", value)));
            } else if (name == "scheduled_compact_rev") {
                c.scheduled = MainRevision(value);
            } else if (name == "finished_compact_rev") {
                c.finished = MainRevision(value);
            } else if (name == "consistent_index") {
                result.consistent_index = LogIndex(static_cast<std::uint64_t>(value));
            }
        }
    });
    if (c.scheduled && *c.scheduled > c.finished) {
        StoreHead head;
        head.scheduled = c.scheduled;
        attempt(log, "malformed-row", "table revision",
                [&] { head.marked_by_restore = store.is_marked_by_restore(*c.scheduled); });
        const bool restored = head.marked_by_restore;
        log.add(
            finding(restored ? Severity::info : Severity::warning,
                    restored ? "restore-mark" : "pending-compaction", "table meta",
                    fmt::format("{}{} {}{}", head.pending_text(), restored ? ", or" : ";",
                                command_on(store.info().path, fmt::format("compact --rev {}", *c.scheduled)),
                                restored ? "" : " finishes it")));
    } else if (c.scheduled && *c.scheduled < c.finished) {
        log.add(finding(Severity::warning, "finished-above-scheduled", "table meta",
                        fmt::format("compaction {} is finished, but the last one scheduled is {}", c.finished,
                                    *c.scheduled)));
    }
    return c;
}

std::unordered_set<std::int64_t> check_leases(NativeStore& store, FindingLog& log) {
    std::unordered_set<std::int64_t> ids;
    if (!read_table(store.db(), "lease")) {
        log.add(
            finding(Severity::info, "no-lease-table", "table lease", "there is none: no key has a lease"));
        return ids;
    }
    attempt(log, "unreadable-leases", "table lease", [&] {
        sqlite::Statement s = store.db().prepare("SELECT id, ttl FROM lease ORDER BY id");
        while (s.step()) {
            const std::string where = "lease " + hex(static_cast<std::uint64_t>(s.integer(0)));
            ids.insert(s.integer(0));
            if (s.type(0) != Type::integer || s.type(1) != Type::integer) {
                log.add(finding(Severity::error, "lease-type", where, "id or ttl is not an integer"));
            } else if (s.integer(1) <= 0) {
                log.add(finding(Severity::warning, "lease-ttl", where,
                                fmt::format("a time to live of {} seconds", s.integer(1))));
            }
        }
    });
    return ids;
}

// Reads rows into an audit, unreadable and ill-typed ones as what they are.
class Reader {
  public:
    Reader(const CheckRequest& request, FindingLog& log, const Counters& counters)
        : log_(log), audit_(counters.finished, counters.scheduled, request.rules, log) {}

    // Columns from `at` on: main, sub, tombstone, key, create_revision, version, lease, typeof(value). False:
    // out of order.
    bool take(const sqlite::Statement& s, std::int64_t rowid) {
        if ((++rows_ & 0xFFF) == 0) check_interrupt();
        if (s.type(1) != Type::integer || s.type(2) != Type::integer) {
            return wrong(fmt::format("row {}", rowid), "main or sub is not an integer", s);
        }
        const mvcc::Revision revision{s.integer(1), s.integer(2)};
        const std::string_view value = s.bytes(8);
        const char* fault = nullptr;
        if (s.type(3) != Type::integer || s.type(5) != Type::integer || s.type(6) != Type::integer ||
            s.type(7) != Type::integer) {
            fault = "a column that must hold an integer does not";
        } else if (s.type(4) != Type::blob) {
            fault = "the key is not a blob";
        } else if (value != "blob" && value != "null") {
            fault = "the value is not a blob";
        } else if (s.integer(3) != 0 && s.integer(3) != 1) {
            fault = "tombstone is neither 0 nor 1";
        }
        if (fault != nullptr) {
            return wrong(mvcc::revision_text(revision), fault, s, revision);
        }
        mvcc::AuditRow row;
        row.revision = revision;
        row.tombstone = s.integer(3) != 0;
        row.key = s.bytes(4);
        row.create_revision = s.integer(5);
        row.version = s.integer(6);
        row.lease = s.integer(7);
        row.has_value = value == "blob";
        return audit_.add(row);
    }
    [[nodiscard]] mvcc::RevisionAudit& audit() noexcept { return audit_; }
    [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }

  private:
    bool wrong(std::string where, const char* what, const sqlite::Statement& s,
               std::optional<mvcc::Revision> at = std::nullopt) {
        Finding f = finding(Severity::error, "wrong-type", std::move(where), what);
        if (at) f.revision = at->main;
        log_.add(std::move(f));
        if (s.type(4) == Type::blob || s.type(4) == Type::text) {
            audit_.forget(s.bytes(4), at);
        } else {
            audit_.forget_all();
        }
        return true;
    }
    FindingLog& log_;
    mvcc::RevisionAudit audit_;
    std::uint64_t rows_ = 0;
};

constexpr const char* k_checked_columns =
    "main, sub, tombstone, key, create_revision, version, lease, typeof(value)";

// Rows stand in any order: by the primary key's index, or, where that is damaged too, sorted by SQLite.
void read_sorted(NativeStore& store, Reader& reader, FindingLog& log) {
    attempt(log, "unreadable-rows", "table revision", [&] {
        sqlite::Statement s = store.db().prepare(std::string("SELECT rowid, ") + k_checked_columns +
                                                 " FROM revision ORDER BY main, sub");
        while (s.step()) {
            // Text and blobs sort behind the numbers: such rows are told, and nothing comes behind them.
            (void)reader.take(s, s.integer(0));
        }
    });
}

void check_contents(NativeStore& store, const CheckRequest& request, CheckResult& result, FindingLog& log) {
    const Counters counters = check_meta(store, result, log);
    const std::unordered_set<std::int64_t> leases = check_leases(store, log);

    FindingLog rows(request.kept_per_code);
    auto reader = std::make_unique<Reader>(request, rows, counters);
    bool ordered = true;
    walk_rows(
        store.db(), store.table().name, k_checked_columns, rows,
        [&](const sqlite::Statement& s) {
            if (request.progress != nullptr && (reader->rows() & 0xFFFF) == 0) {
                request.progress->update("reading rows", reader->rows(), 0);
            }
            ordered = reader->take(s, s.integer(0));
            return ordered;
        },
        [&] { reader->audit().forget_all(); });
    if (!ordered) {
        rows = FindingLog(request.kept_per_code);
        reader = std::make_unique<Reader>(request, rows, counters);
        read_sorted(store, *reader, rows);
    }
    reader->audit().finish();
    result.rows = reader->rows();
    note_missing_leases(reader->audit(), leases, rows);
    log.add(rows);
}

}  // namespace

void NativeStore::check(const CheckRequest& request, CheckResult& result, FindingLog& log) {
    check_layout(*this, log);
    check_sqlite_file(*this, log, [&] { check_contents(*this, request, result, log); });
}

}  // namespace kvctl::store
