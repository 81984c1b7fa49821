#include "kvctl/store/kine/kine_writer.hpp"

#include <algorithm>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/text.hpp"

namespace kvctl::store {
namespace {

constexpr std::string_view k_compact_row = "compact_rev_key";
// Clients that ask kine for the compact row are sent to this key.
constexpr std::string_view k_served_compact_key = "compact_rev_key_apiserver";
constexpr std::int64_t k_compact_id = 1;  // in a table that kine began
// A restore that raises the revision leaves a hole of a billion.
constexpr std::int64_t k_longest_gap = 100'000;

}  // namespace

void create_kine_table(const sqlite::Database& db) {
    db.exec(
        "CREATE TABLE kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, created INTEGER, deleted "
        "INTEGER, create_revision INTEGER, prev_revision INTEGER, lease INTEGER, value BLOB, old_value "
        "BLOB)");
}

bool rows_share_previous(const sqlite::Database& db) {
    return db.integer("SELECT 1 FROM kine GROUP BY name, prev_revision HAVING count(*) > 1 LIMIT 1")
        .has_value();
}

void create_kine_indexes(const sqlite::Database& db, bool unique) {
    constexpr const char* k_partial =
        "CREATE INDEX kine_id_compact_rev_key_with_prev_revision_index ON kine (id, name, prev_revision) "
        "WHERE name != 'compact_rev_key' AND prev_revision != 0";
    for (const char* const index :
         {"CREATE INDEX kine_name_index ON kine (name)", "CREATE INDEX kine_name_id_index ON kine (name,id)",
          "CREATE INDEX kine_id_deleted_index ON kine (id,deleted)",
          "CREATE INDEX kine_prev_revision_index ON kine (prev_revision)",
          unique ? "CREATE UNIQUE INDEX kine_name_prev_revision_uindex ON kine (name, prev_revision)"
                 : nullptr,
          k_partial}) {
        check_interrupt();
        if (index != nullptr) db.exec(index);
    }
}

KineWriter::KineWriter(std::string path, Options options)
    : path_(std::move(path)), options_(std::move(options)) {
    if (options_.only_counts) return;
    sqlite::Database& db = made_.emplace(path_).db;
    for (const char* const pragma :
         {"PRAGMA page_size=4096", "PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=OFF",
          "PRAGMA synchronous=OFF", "PRAGMA cache_size=-65536", "BEGIN"})
        db.exec(pragma);
    create_kine_table(db);
}

void KineWriter::add(const Lease& lease) {
    ttls_[lease.id] = lease.ttl;
}

void KineWriter::set_meta(std::string_view name, std::int64_t value) {
    if (name == "finished_compact_rev") finished_ = value;
    if (name == "scheduled_compact_rev") scheduled_ = value;
}

// kine knows no compaction that is asked for and not carried out: from the asked for revision on every read
// is answered, as by etcd once it has started.
std::int64_t KineWriter::compacted() const noexcept {
    return std::max(finished_.value_or(-1), scheduled_.value_or(-1));
}

std::int64_t KineWriter::ttl_of(std::int64_t lease) {
    if (lease == 0 || options_.leases_are_ttls) return lease;
    const auto known = ttls_.find(lease);
    if (known != ttls_.end()) return known->second;
    ++lost_leases_;
    return 0;
}

std::int64_t KineWriter::id_for(mvcc::Revision revision) {
    if (main_ == revision.main) {
        if (!options_.renumber) {
            throw Error(
                ErrorKind::refused,
                fmt::format("{}: revision {} holds several keys, and kine one a revision; --renumber gives "
                            "each its own",
                            options_.source, revision.main));
        }
        ++ahead_;
        if (moves_.empty() || moves_.back().first != revision.main) moves_.emplace_back(revision.main, 0);
        moves_.back().second = ahead_;
    }
    main_ = revision.main;
    return revision.main + ahead_;
}

// Where a row of this main, or the first of several, stands now.
std::int64_t KineWriter::first_of(std::int64_t main) const {
    const auto after = std::lower_bound(moves_.begin(), moves_.end(), std::pair{main, std::int64_t{0}});
    return after == moves_.begin() ? main : main + std::prev(after)->second;
}

MainRevision KineWriter::moved(MainRevision revision) const {
    return MainRevision(first_of(revision.value() + 1) - 1);
}

MainRevision KineWriter::current(MainRevision /*of_source*/) const {
    return current_;
}

std::optional<std::int64_t> KineWriter::gone_id(std::int64_t near, std::int64_t below) const {
    constexpr std::int64_t k_first = k_compact_id + 1;
    std::int64_t id = std::min(near, below - 1);
    auto used = std::upper_bound(ids_.begin(), ids_.end(), id);
    for (; used != ids_.begin() && *std::prev(used) == id; --used) --id;
    if (id >= k_first) return id;
    id = std::max(near, k_first);
    for (used = std::lower_bound(ids_.begin(), ids_.end(), id); used != ids_.end() && *used == id; ++used)
        ++id;
    return id < below ? std::optional(id) : std::nullopt;
}

void KineWriter::add(const mvcc::Record& record) {
    if (record.key.empty()) {
        ++markers_;
        return;
    }
    if (record.key.starts_with("gap-")) {
        throw Error(ErrorKind::refused, fmt::format("{}: the key '{}' begins as kine's rows for missing "
                                                    "revisions do: a kine table cannot hold it",
                                                    path_, escape(record.key)));
    }
    Row row;
    row.name = record.key;
    if (row.name == k_compact_row) {
        row.name = k_served_compact_key;
        ++renamed_;
    }
    Last& last = last_[std::string(row.name)];
    // A tombstone of a key that nothing is left of tells no reader anything.
    if (record.tombstone && last.id == 0 && record.revision.main <= compacted()) {
        ++orphans_;
        last_.erase(std::string(row.name));
        return;
    }
    row.id = id_for(record.revision);
    row.deleted = record.tombstone;
    row.previous = last.id;
    row.with_old_value = last.live;
    if (record.tombstone) {
        row.create = last.create;
    } else {
        row.lease = ttl_of(record.lease);
        row.value = record.value;
        row.created = !last.live && (record.create_revision == record.revision.main || last.id != 0);
        if (row.created) {
            last.create = row.id;
        } else if (last.id == 0) {
            // What it replaced went with a compaction: so will have the row that created the key. It must not
            // name another key's row, which kine would delete for it.
            last.create = first_of(record.create_revision);
            if (const auto gone = gone_id(last.create, row.id)) {
                row.previous = *gone;
            } else {
                row.created = true;
                last.create = row.id;
                ++created_anew_;
            }
        }
        row.create = row.created ? 0 : last.create;
    }
    if (record.revision.main > compacted()) fill_gaps(row.id, row.previous);
    last.id = row.id;
    last.live = !record.tombstone;
    id_ = row.id;
    ids_.push_back(row.id);
    first_id_taken_ = first_id_taken_ || row.id == 1;
    insert(row);
}

void KineWriter::insert_gap(std::int64_t id) {
    const std::string name = "gap-" + std::to_string(id);
    Row row;
    row.id = id;
    row.name = name;
    row.deleted = true;
    ids_.push_back(id);
    ++gaps_;
    insert(row);
}

void KineWriter::fill_gaps(std::int64_t end, std::int64_t except) {
    std::int64_t id = std::max(id_, k_compact_id) + 1;
    if (const std::int64_t compacted = this->compacted(); compacted > 0)
        id = std::max(id, moved(MainRevision(compacted)).value() + 1);
    if (id >= end) return;
    if (end - id > k_longest_gap) {
        unfilled_ += static_cast<std::uint64_t>(end - id);
        return;
    }
    for (; id < end; ++id) {
        if (id != except) insert_gap(id);
    }
}

void KineWriter::insert(const Row& row) {
    if (!made_) return;
    if (!insert_) {
        insert_ = made_->db.prepare(
            "INSERT INTO kine VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, (SELECT value FROM kine WHERE id = "
            "?9))");
    }
    insert_->bind(1, row.id).bind_text(2, row.name).bind(3, row.created ? 1 : 0).bind(4, row.deleted ? 1 : 0);
    insert_->bind(5, row.create).bind(6, row.previous).bind(7, row.lease);
    if (row.value) {
        insert_->bind_blob(8, *row.value);
    } else {
        insert_->bind_null(8);
    }
    if (row.with_old_value) {
        insert_->bind(9, row.previous);
    } else {
        insert_->bind_null(9);
    }
    insert_->run();
}

void KineWriter::finish() {
    const std::int64_t compacted = this->compacted();
    const std::int64_t current = options_.current.value() + ahead_;
    Row compact;
    compact.name = k_compact_row;
    compact.id = !first_id_taken_ ? k_compact_id : std::max(current, id_ + 1);
    // Where no row holds the current revision, one does that fills a gap, or the compact row.
    if (current > std::max(id_, k_compact_id)) {
        fill_gaps(current);
        if (compact.id != current) insert_gap(current);
    }
    current_ = MainRevision(std::max({compact.id, current, id_}));
    compact.created = true;
    compact.previous = compacted > 0 ? moved(MainRevision(compacted)).value() : 0;
    compact.value = "";
    if (!made_) return;
    insert(compact);
    insert_.reset();
    create_kine_indexes(made_->db);
    made_->db.exec("COMMIT");
    made_->db.close();
    made_->file.sync();
    check_interrupt();
    made_->file.publish_as_new(path_);
}

std::vector<std::string> KineWriter::warnings() const {
    std::vector<std::string> all;
    const auto say = [&](std::uint64_t n, const char* what, const std::string& rest) {
        if (n > 0) all.push_back(many(n, what) + rest);
    };
    if (scheduled_ && *scheduled_ > finished_.value_or(-1)) {
        all.push_back(
            fmt::format("the compaction at {} was asked for and not finished: it is the compact revision "
                        "now, and what it was to remove stays until the next compaction",
                        *scheduled_));
    }
    say(static_cast<std::uint64_t>(ahead_), "row",
        fmt::format(" got a revision of their own; later revisions moved up, the newest by {}", ahead_));
    say(renamed_, "row", " of the key compact_rev_key are of compact_rev_key_apiserver now, as kine has it");
    say(markers_, "row", " of the empty key, which a restore left as marks, left out");
    say(lost_leases_, "row", " name a lease that is not there; they do not expire");
    // Of kine itself it has them already.
    if (!options_.leases_are_ttls)
        say(gaps_, "row", " that only fill gaps added, for revisions that nothing is stored of");
    if (unfilled_ > 0) {
        all.push_back(fmt::format("{} without a row, in runs of more than {}, are left as holes",
                                  many(unfilled_, "revision"), group_digits(k_longest_gap)));
    }
    say(created_anew_, "row", " stand for the creation of their key: nothing older is left to point at");
    say(orphans_, "tombstone", " of keys that nothing else is left of, left out");
    return all;
}

}  // namespace kvctl::store
