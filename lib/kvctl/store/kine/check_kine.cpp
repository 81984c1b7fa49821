#include <algorithm>
#include <array>
#include <limits>
#include <unordered_set>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/mvcc/key_map.hpp"
#include "kvctl/store/check_parts.hpp"
#include "kvctl/store/kine/kine.hpp"

namespace kvctl::store {
namespace {

using Severity = Finding::Severity;
using sqlite::Type;

// A watch delivers 500 rows a round: so many gap rows in a row are no accident of a single write.
constexpr std::uint64_t k_gap_run = 1000;

std::string row_name(std::int64_t id) {
    return fmt::format("row {}", id);
}

// k8s-dqlite drops kine's indexes on purpose and has its own.
bool has_dqlites_indexes(const KineStore& store) {
    return store.info().layout == Layout::dqlite ||
           std::any_of(store.table().indexes.begin(), store.table().indexes.end(),
                       [](const IndexInfo& i) { return i.name == k_dqlite_index; });
}

void note_missing_indexes(const KineStore& store, FindingLog& log) {
    struct Wanted {
        const char* name;
        std::vector<std::string_view> columns;
        bool unique;
        bool first_release;  // in every kine there ever was; the others came later, and old files lack them
    };
    if (has_dqlites_indexes(store)) return;
    const std::array<Wanted, 6> wanted{{
        {"kine_name_index", {"name"}, false, true},
        {"kine_name_prev_revision_uindex", {"name", "prev_revision"}, true, true},
        {"kine_name_id_index", {"name", "id"}, false, false},
        {"kine_id_deleted_index", {"id", "deleted"}, false, false},
        {"kine_prev_revision_index", {"prev_revision"}, false, false},
        {"kine_id_compact_rev_key_with_prev_revision_index", {"id", "name", "prev_revision"}, false, false},
    }};
    for (const Wanted& w : wanted) {
        const bool there =
            std::any_of(store.table().indexes.begin(), store.table().indexes.end(),
                        [&](const IndexInfo& i) { return i.is_on(w.columns) && (i.unique || !w.unique); });
        if (there) continue;
        log.add(finding(
            w.first_release ? Severity::warning : Severity::info, "missing-index", "table kine",
            fmt::format("the index {} is not there; the next start of {} makes it{}", w.name,
                        w.first_release ? "kine" : "a newer kine",
                        w.unique ? ", and fails where two rows of a name have one prev_revision" : "")));
    }
}

// Only where no unique index forbids it.
void check_collisions(KineStore& store, FindingLog& log) {
    const bool guarded =
        std::any_of(store.table().indexes.begin(), store.table().indexes.end(), [](const IndexInfo& i) {
            return i.unique && i.is_on({"name", "prev_revision"});
        });
    if (guarded || has_dqlites_indexes(store)) return;
    attempt(log, "unreadable-rows", "table kine", [&] {
        sqlite::Statement s = store.db().prepare(
            "SELECT max(id), prev_revision, count(*) FROM kine WHERE prev_revision IS NOT NULL"
            " GROUP BY name, prev_revision HAVING count(*) > 1 ORDER BY 1");
        while (s.step()) {
            Finding f = finding(
                Severity::error, "chain-collision", row_name(s.integer(0)),
                fmt::format("{} rows of its name have the prev_revision {}: the next start of kine fails",
                            s.integer(2), s.integer(1)));
            f.revision = s.integer(0);
            log.add(std::move(f));
        }
    });
}

void check_sequence(KineStore& store, std::int64_t newest, FindingLog& log) {
    attempt(log, "unreadable-rows", "table sqlite_sequence", [&] {
        if (!store.db().integer("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'")) {
            log.add(finding(Severity::warning, "no-autoincrement", "table kine",
                            "ids are not AUTOINCREMENT: a revision can be used twice"));
            return;
        }
        const std::int64_t seq =
            store.db().integer("SELECT max(seq) FROM sqlite_sequence WHERE name = 'kine'").value_or(0);
        if (seq > newest) {
            log.add(finding(Severity::warning, "sequence-ahead", "table sqlite_sequence",
                            fmt::format("the next row gets id {} + 1, but the newest is {}: a server fills "
                                        "the ids between with gap rows",
                                        seq, newest)));
        } else if (seq < newest) {
            log.add(finding(Severity::warning, "sequence-behind", "table sqlite_sequence",
                            fmt::format("it says {}, but the newest row has id {}", seq, newest)));
        }
    });
}

struct CompactRows {
    std::vector<std::int64_t> ids;
    std::int64_t compacted = 0;
    bool known = false;  // exactly one, with a number
};

CompactRows check_compact_rows(KineStore& store, std::int64_t newest, FindingLog& log) {
    CompactRows rows;
    bool sound = true;
    attempt(log, "unreadable-rows", "table kine", [&] {
        sqlite::Statement s = store.db().prepare(
            "SELECT id, prev_revision, deleted FROM kine WHERE name = 'compact_rev_key' ORDER BY id");
        while (s.step()) {
            rows.ids.push_back(s.integer(0));
            if (s.type(1) != Type::integer) {
                sound = false;
                log.add(finding(Severity::error, s.null(1) ? "null-column" : "wrong-type",
                                row_name(s.integer(0)),
                                "the compact row's prev_revision, the compact revision, is no integer"));
                continue;
            }
            rows.compacted = std::max(rows.compacted, s.integer(1));
            if (s.integer(1) < 0) {
                log.add(finding(Severity::error, "compact-row-odd", row_name(s.integer(0)),
                                "the compact row's prev_revision, the compact revision, is negative"));
            }
            if (s.type(2) != Type::integer || s.integer(2) != 0) {
                log.add(finding(Severity::error, "compact-row-odd", row_name(s.integer(0)),
                                "the compact row is marked deleted: kine's compaction removes it"));
            }
        }
    });
    if (rows.ids.empty() && store.lost_its_wal()) {
        log.add(finding(
            Severity::error, "wal-left-behind", "table kine",
            "in WAL mode, without a -wal beside it and without a row: was its -wal left behind when it was "
            "copied? Copy both, or the store once its server has stopped"));
    } else if (rows.ids.empty()) {
        log.add(finding(Severity::error, "compact-row-missing", "table kine",
                        "no row holds the compact revision: kine's compaction fails until its next start"));
    } else if (rows.ids.size() > 1) {
        log.add(
            finding(Severity::error, "compact-rows-several", "table kine",
                    fmt::format("{} rows hold the compact revision: kine's compaction fails{}",
                                group_digits(std::uint64_t{rows.ids.size()}),
                                store.keyed() ? "; a compaction that has something to do leaves one" : "")));
    }
    if (!rows.ids.empty() && rows.compacted > newest) {
        log.add(finding(
            Severity::error, "compact-revision-ahead", row_name(rows.ids.front()),
            fmt::format("the compact revision {} is above the current revision {}", rows.compacted, newest)));
    }
    rows.known = sound && !rows.ids.empty() && rows.compacted <= newest;
    return rows;
}

// Follows the chains of all keys in one pass in id order.
class Chains {
  public:
    static constexpr const char* k_columns =
        "name, typeof(name), created, deleted, create_revision, prev_revision, lease, value IS NULL";

    /// `rows`: where rows stand whose id is not their rowid.
    Chains(KineStore& store, const CompactRows& compact, FindingLog& log, const RowsById* rows = nullptr)
        : log_(log), compact_(compact), complete_(compact.known), by_id_(rows) {
        target_ = store.db().prepare("SELECT name FROM kine WHERE rowid = ?1");
    }

    // Columns from 1 on: k_columns.
    void take(const sqlite::Statement& s, std::int64_t id) {
        if ((++rows_ & 0xFFF) == 0) check_interrupt();
        check_hole(id);
        newest_ = id;
        const std::string_view name = s.bytes(1);
        const bool gap = !s.null(4) && s.integer(4) != 0 && s.integer(6) == 0 && s.integer(8) != 0 &&
                         name.starts_with("gap-") && name.substr(4) == std::to_string(id);
        if (gap) {
            if (gap_first_ == 0) gap_first_ = id;
        } else {
            end_gap_run(id == std::numeric_limits<std::int64_t>::min() ? id : id - 1);
        }
        if (name == k_compact_row_name || !check_types(s, id) || gap) return;
        if (s.bytes(2) == "integer" || s.bytes(2) == "real") {
            note(Severity::info, "name-number", id,
                 "its name looks like a number and is stored as one; kine and kvctl read it as text");
        }
        follow(s, id, name);
    }
    void lost() {
        complete_ = false;
        for (Key& key : keys_.values()) key = {};
        newest_ = 0;
    }
    void finish() {
        end_gap_run(newest_);
        if (holes_ > 0 && complete_) {
            log_.add(finding(
                Severity::warning, "holes", fmt::format("rows {} to {}", hole_first_, hole_last_),
                fmt::format("{} above the compact revision without a row; a server puts gap rows there",
                            many(holes_, "id"))));
        }
        if (newer_ != 0) {
            note(Severity::info, "needs-kine-0.17.3", newer_,
                 "this row and others hold no create_revision, as kine writes them since 0.17.3; an older "
                 "kine fails at every list with such a row, and does not start where it made the file");
        }
        for (const Key& key : keys_.values()) {
            if (!key.valueless) continue;
            note(Severity::error, "null-value", key.last,
                 "the value of this key's newest row is NULL: the API server cannot decode it");
        }
        for (const auto& [id, by] : unreferenced_) {
            if (jumped_to_.contains(id)) continue;
            note(Severity::warning, "orphan-row", id,
                 fmt::format("row {} of its key is newer and no row points here: kine keeps it for ever, and "
                             "it comes back once the newer ones are deleted",
                             by));
        }
    }

  private:
    struct Key {
        bool seen = false;
        std::int64_t last = 0;
        std::int64_t created = 0;  // id of the row that created the key
        bool deleted = false;
        bool valueless = false;  // a put whose value is NULL
    };

    void note(Severity severity, const char* code, std::int64_t id, std::string what) {
        Finding f = finding(severity, code, row_name(id), std::move(what));
        f.revision = id;
        log_.add(std::move(f));
    }

    void check_hole(std::int64_t id) {
        const std::int64_t before = std::max(newest_, compact_.compacted);
        if (!complete_ || id <= before || id - 1 == before) return;
        holes_ += static_cast<std::uint64_t>(id) - static_cast<std::uint64_t>(before) - 1;
        if (hole_first_ == 0) hole_first_ = before + 1;
        hole_last_ = id - 1;
    }

    // `last`: the id before the first that is no gap row. Ids may be any 64 bits.
    void end_gap_run(std::int64_t last) {
        if (gap_first_ == 0) return;
        const std::uint64_t length =
            static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(gap_first_) + 1;
        if (length >= k_gap_run) {
            log_.add(
                finding(Severity::warning, "gap-runs", fmt::format("rows {} to {}", gap_first_, last),
                        fmt::format("{} one after another: the sequence jumped; a compaction removes them",
                                    many(length, "gap row"))));
        }
        gap_first_ = 0;
    }

    bool check_types(const sqlite::Statement& s, std::int64_t id) {
        constexpr std::array<const char*, 5> k_names{"created", "deleted", "create_revision", "prev_revision",
                                                     "lease"};
        std::string null = s.null(1) ? "name" : "";
        std::string wrong;
        for (int i = 0; i < 5; ++i) {
            const Type type = s.type(3 + i);
            // A row that creates a key holds no create_revision since kine 0.17.3.
            if (i == 2 && type == Type::null && creates(s)) {
                if (newer_ == 0) newer_ = id;
                continue;
            }
            std::string& list = type == Type::null ? null : wrong;
            if (type == Type::integer) continue;
            if (!list.empty()) list += ", ";
            list += k_names.at(static_cast<std::size_t>(i));
        }
        if (!null.empty())
            note(Severity::error, "null-column", id, null + " is NULL: kine cannot read such a row");
        if (!wrong.empty()) note(Severity::error, "wrong-type", id, wrong + " is not an integer");
        if (null.empty() && wrong.empty()) return true;
        // The chain of its key goes on behind it, unjudged.
        if (!s.null(1)) keys_[s.bytes(1)] = {};
        return false;
    }

    static bool creates(const sqlite::Statement& s) {
        return s.type(3) == Type::integer && s.integer(3) != 0 && s.type(4) == Type::integer &&
               s.integer(4) == 0;
    }

    void follow(const sqlite::Statement& s, std::int64_t id, std::string_view name) {
        Key& key = keys_[name];
        const bool first = !key.seen;
        const std::int64_t prev = s.integer(6);
        const bool deleted = s.integer(4) != 0;
        const std::int64_t create_revision = s.integer(5);
        const bool chained = !first && prev == key.last;
        if (!chained) {
            if (!first && !key.deleted) unreferenced_.emplace_back(key.last, id);
            if (prev != 0) check_pointer(id, prev, name);
        }
        std::int64_t created = create_revision == 0 ? id : create_revision;
        if (deleted) {
            created = 0;
        } else if (chained && s.integer(3) == 0 && !key.deleted && key.created != 0 &&
                   created != key.created) {
            note(Severity::warning, "create-revision", id,
                 fmt::format("its create_revision is {} where its key was created at {}", create_revision,
                             key.created));
        }
        key = {true, id, created, deleted, !deleted && s.integer(8) != 0};
    }

    bool find_target(std::int64_t id) {
        if (by_id_ != nullptr) {
            const auto rows = by_id_->between(id, id);
            if (rows.empty()) return false;
            id = rows.front().rowid;
        }
        target_->reset();
        target_->bind(1, id);
        return target_->step();
    }

    void check_pointer(std::int64_t id, std::int64_t prev, std::string_view name) {
        const auto points = [&](const char* at) { return fmt::format("prev_revision is {}{}", prev, at); };
        if (prev >= id) {
            note(Severity::error, "forward-pointer", id, points(", which is no row before this one"));
            jumped_to_.insert(prev);
            return;
        }
        bool there = false;
        try {
            there = find_target(prev);
        } catch (const Error& e) {
            if (e.kind() != ErrorKind::damaged) throw;
            return;
        }
        if (!there) {
            // At or below the compact revision that is how every survivor looks.
            if (complete_ && prev > compact_.compacted)
                note(Severity::warning, "dangling-pointer", id,
                     points(", a row above the compact revision that is not there"));
            if (prev < 0) note(Severity::error, "negative-pointer", id, points(""));
            return;
        }
        jumped_to_.insert(prev);
        if (target_->bytes(0) != name) {
            note(Severity::warning, "cross-key-pointer", id,
                 points(", a row of another key: kine's compaction removes that row for this one's sake"));
        }
    }

    FindingLog& log_;
    const CompactRows& compact_;
    bool complete_;
    const RowsById* by_id_;
    std::optional<sqlite::Statement> target_;
    std::uint64_t rows_ = 0;
    std::int64_t newer_ = 0;  // the first row that kine before 0.17.3 cannot read
    std::int64_t newest_ = 0;
    std::int64_t gap_first_ = 0;
    std::uint64_t holes_ = 0;
    std::int64_t hole_first_ = 0;
    std::int64_t hole_last_ = 0;
    std::vector<std::pair<std::int64_t, std::int64_t>> unreferenced_;  // a put, and what came after it
    std::unordered_set<std::int64_t> jumped_to_;  // targets of pointers that do not name the row before
    mvcc::KeyMap<Key> keys_;
};

// A table without its primary key has lost kine's indexes and its sequence with it: one finding for all.
void check_keyless(KineStore& store, const CompactRows& compact, const CheckRequest& request,
                   CheckResult& result, FindingLog& log) {
    log.add(finding(Severity::error, "no-primary-key", "table kine", store.why_keyless()));
    RowsById rows;
    bool complete = true;
    walk_rows(
        store.db(), store.table().name, "id", log,
        [&](const sqlite::Statement& s) {
            rows.add(s.integer(0), s.type(1), s.integer(1));
            return true;
        },
        [&] { complete = false; });
    rows.sort();
    rows.note(Severity::error, log);
    Chains chains(store, compact, log, &rows);
    if (!complete) chains.lost();
    sqlite::Statement one =
        store.db().prepare(std::string("SELECT id, ") + Chains::k_columns + " FROM kine WHERE rowid = ?1");
    std::uint64_t n = 0;
    for (const RowsById::Place& p : rows.all()) {
        if ((n++ & 0xFFFF) == 0 && request.progress != nullptr)
            request.progress->update("reading rows", n, rows.all().size());
        attempt(log, "unreadable-rows", "table kine", [&] {
            one.reset();
            one.bind(1, p.rowid);
            if (one.step()) chains.take(one, p.id);
        });
    }
    chains.finish();
    result.rows = n;
}

void check_contents(KineStore& store, const CheckRequest& request, CheckResult& result, FindingLog& log) {
    std::int64_t newest = 0;
    attempt(log, "unreadable-rows", "table kine", [&] {
        newest = store.db()
                     .integer("SELECT max(id) FROM kine NOT INDEXED WHERE typeof(id) = 'integer'")
                     .value_or(0);
        if (const auto rows = store.legacy_table()) {
            log.add(finding(Severity::info, "legacy-table", "table key_value",
                            *rows +
                                ", from before kine had its own table; nothing reads them, and kine since "
                                "0.17.3 does not take them over either"));
        }
    });
    if (store.keyed()) check_sequence(store, newest, log);
    const CompactRows compact = check_compact_rows(store, newest, log);
    check_collisions(store, log);
    if (!store.keyed()) {
        check_keyless(store, compact, request, result, log);
        return;
    }
    Chains chains(store, compact, log);
    std::uint64_t rows = 0;
    walk_rows(
        store.db(), store.table().name, Chains::k_columns, log,
        [&](const sqlite::Statement& s) {
            if ((rows++ & 0xFFFF) == 0 && request.progress != nullptr)
                request.progress->update("reading rows", rows, 0);
            chains.take(s, s.integer(0));
            return true;
        },
        [&] { chains.lost(); });
    chains.finish();
    result.rows = rows;
}

}  // namespace

void KineStore::check(const CheckRequest& request, CheckResult& result, FindingLog& log) {
    if (keyed()) note_missing_indexes(*this, log);
    check_sqlite_file(*this, log, [&] { check_contents(*this, request, result, log); });
}

}  // namespace kvctl::store
