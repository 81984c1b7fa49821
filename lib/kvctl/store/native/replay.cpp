#include "kvctl/store/native/replay.hpp"

#include "kvctl/store/sqlite/bookkeeping.hpp"

namespace kvctl::store {

void each_row(SqliteStore& store,
              const std::function<void(const mvcc::Record& row, std::uint64_t value_bytes)>& f) {
    sqlite::Statement s = store.db().prepare(
        "SELECT main, sub, tombstone, key, create_revision, version, lease, length(value) FROM revision"
        " WHERE main BETWEEN 1 AND 9223372036854775807 ORDER BY main, sub");
    while (s.step()) {
        mvcc::Record r;
        r.revision = {s.integer(0), s.integer(1)};
        r.tombstone = s.integer(2) != 0;
        r.key = s.bytes(3);
        r.create_revision = s.integer(4);
        r.version = s.integer(5);
        r.lease = s.integer(6);
        f(r, static_cast<std::uint64_t>(s.integer(7)));
    }
}

std::optional<std::string> value_at(SqliteStore& store, mvcc::Revision revision) {
    sqlite::Statement s = store.db().prepare("SELECT value FROM revision WHERE main = ?1 AND sub = ?2");
    s.bind(1, revision.main).bind(2, revision.sub);
    if (!s.step()) return std::nullopt;
    return std::string(s.bytes(0));
}

ReplayWriter::ReplayWriter(SqliteWritable& writable) : db_(writable.store().db()) {
    writable.check_pages();
}

void ReplayWriter::begin() {
    if (!transaction_) transaction_.emplace(db_, sqlite::Transaction::Kind::immediate);
}

void ReplayWriter::add(const mvcc::Record& r) {
    begin();
    if (!insert_) {
        insert_ = db_.prepare(
            "INSERT INTO revision (main, sub, tombstone, key, create_revision, version, lease, value)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    }
    insert_->bind(1, r.revision.main).bind(2, r.revision.sub).bind(3, r.tombstone ? 1 : 0);
    insert_->bind_blob(4, r.key).bind(5, r.create_revision).bind(6, r.version).bind(7, r.lease);
    if (r.tombstone) {
        insert_->bind_null(8);
    } else {
        insert_->bind_blob(8, r.value);
    }
    insert_->run();
}

void ReplayWriter::grant(const Lease& lease) {
    begin();
    db_.exec("CREATE TABLE IF NOT EXISTS lease (id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL)");
    db_.prepare("INSERT INTO lease (id, ttl) VALUES (?1, ?2)").bind(1, lease.id).bind(2, lease.ttl).run();
}

void ReplayWriter::revoke(std::int64_t lease) {
    begin();
    db_.prepare("DELETE FROM lease WHERE id = ?1").bind(1, lease).run();
}

void ReplayWriter::schedule(MainRevision revision) {
    begin();
    record_scheduled_revision(db_, revision);
}

void ReplayWriter::commit(LogIndex index, Term term) {
    begin();
    record_log_position(db_, index, term);
    transaction_->commit();
    transaction_.reset();
}

}  // namespace kvctl::store
