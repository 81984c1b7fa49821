#include "kvctl/store/sqlite/bookkeeping.hpp"

#include "kvctl/base/format.hpp"

namespace kvctl::store {
namespace {

void set_meta(const sqlite::Database& db, std::string_view name, std::int64_t value) {
    db.prepare("INSERT OR REPLACE INTO main.meta (name, value) VALUES (?1, ?2)")
        .bind_text(1, name)
        .bind(2, value)
        .run();
}

}  // namespace

void record_scheduled_revision(const sqlite::Database& db, MainRevision revision) {
    set_meta(db, "scheduled_compact_rev", revision.value());
}

void record_log_position(const sqlite::Database& db, LogIndex index, Term term) {
    set_meta(db, "consistent_index", static_cast<std::int64_t>(index.value()));
    set_meta(db, "term", static_cast<std::int64_t>(term.value()));
}

void record_compact_revision(const sqlite::Database& db, Layout layout, MainRevision revision) {
    if (layout == Layout::native) {
        set_meta(db, "scheduled_compact_rev", revision.value());
        set_meta(db, "finished_compact_rev", revision.value());
        return;
    }
    const auto keep = db.integer(
        "SELECT coalesce((SELECT id FROM main.kine WHERE name = 'compact_rev_key'"
        "                 AND id = (SELECT max(id) FROM main.kine)),"
        "                (SELECT min(id) FROM main.kine WHERE name = 'compact_rev_key'))");
    if (!keep) {
        db.prepare(
              "INSERT INTO main.kine (name, created, deleted, create_revision, prev_revision, lease, value)"
              " VALUES ('compact_rev_key', 1, 0, 0, ?1, 0, x'')")
            .bind(1, revision.value())
            .run();
        return;
    }
    db.prepare("DELETE FROM main.kine WHERE name = 'compact_rev_key' AND id <> ?1").bind(1, *keep).run();
    db.prepare("UPDATE main.kine SET prev_revision = ?1 WHERE id = ?2")
        .bind(1, revision.value())
        .bind(2, *keep)
        .run();
}

void compact_raft_table(const sqlite::Database& db, LogIndex index) {
    const auto i = static_cast<std::int64_t>(index.value());
    sqlite::Statement term = db.prepare("SELECT term FROM main.raft_entry WHERE idx = ?1");
    term.bind(1, i);
    if (!term.step()) throw Error(ErrorKind::internal, fmt::format("the raft log has no entry {}", i));
    const std::int64_t dummy_term = term.integer(0);
    term.reset();
    db.prepare("DELETE FROM main.raft_entry WHERE idx <= ?1").bind(1, i).run();
    set_meta(db, "raft_snapshot_index", i);
    set_meta(db, "raft_snapshot_term", dummy_term);
}

}  // namespace kvctl::store
