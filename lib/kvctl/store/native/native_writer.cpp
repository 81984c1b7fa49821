#include "kvctl/store/native/native_writer.hpp"

#include "kvctl/store/native/native.hpp"

namespace kvctl::store {
namespace {

constexpr int k_row_columns = 8;
// Rows of one statement: each one that runs costs as much as a row or two.
constexpr int k_rows_a_statement = 64;
constexpr std::size_t k_most_waiting = std::size_t{1} << 20;  // of keys and values that wait for it

// Rows that are not bound are not inserted.
std::string insert_rows() {
    std::string rows;
    for (int i = 0; i < k_rows_a_statement; ++i) rows += i == 0 ? "(?,?,?,?,?,?,?,?)" : ",(?,?,?,?,?,?,?,?)";
    return "INSERT INTO revision SELECT * FROM (VALUES " + rows + ") WHERE column1 NOTNULL";
}

}  // namespace

void create_native_tables(const sqlite::Database& db, bool raft_table) {
    db.exec("PRAGMA application_id=" + std::to_string(k_native_application_id));
    db.exec("PRAGMA user_version=" + std::to_string(k_native_version));
    db.exec(
        "CREATE TABLE revision (\n"
        "  main            INTEGER NOT NULL,\n"
        "  sub             INTEGER NOT NULL,\n"
        "  tombstone       INTEGER NOT NULL,\n"
        "  key             BLOB    NOT NULL,\n"
        "  create_revision INTEGER NOT NULL,\n"
        "  version         INTEGER NOT NULL,\n"
        "  lease           INTEGER NOT NULL,\n"
        "  value           BLOB,\n"
        "  PRIMARY KEY (main, sub)\n"
        ")");
    db.exec("CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID");
    db.exec("CREATE TABLE lease (id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL)");
    if (raft_table) {
        db.exec(
            "CREATE TABLE raft_entry (idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, type INTEGER NOT NULL, "
            "data BLOB)");
    }
}

NativeWriter::NativeWriter(std::string path, const Options& options)
    : path_(std::move(path)),
      options_(options),
      file_(path_),
      db_(sqlite::Database::open(file_.path(), sqlite::Database::Mode::create)) {
    db_.exec("PRAGMA page_size=" + std::to_string(options.page_size));
    db_.exec("PRAGMA locking_mode=EXCLUSIVE");
    db_.exec("PRAGMA journal_mode=OFF");
    db_.exec("PRAGMA synchronous=OFF");
    db_.exec("PRAGMA cache_size=-65536");
    db_.exec("BEGIN");
    create_native_tables(db_, options.raft_table);
}

void NativeWriter::add(const mvcc::Record& r) {
    if (!insert_) insert_ = db_.prepare(insert_rows());
    const int at = k_row_columns * waiting_;
    insert_->bind(at + 1, r.revision.main)
        .bind(at + 2, r.revision.sub)
        .bind(at + 3, r.tombstone ? 1 : 0)
        .bind_blob(at + 4, r.key);
    insert_->bind(at + 5, r.create_revision).bind(at + 6, r.version).bind(at + 7, r.lease);
    if (r.tombstone) {
        insert_->bind_null(at + 8);
    } else {
        insert_->bind_blob(at + 8, r.value);
    }
    ++waiting_;
    waiting_bytes_ += r.key.size() + r.value.size();
    if (waiting_ == k_rows_a_statement || waiting_bytes_ >= k_most_waiting) insert_waiting();
}

void NativeWriter::insert_waiting() {
    if (waiting_ == 0) return;
    for (int i = waiting_; i < k_rows_a_statement; ++i) insert_->bind_null(k_row_columns * i + 1);
    insert_->run();
    waiting_ = 0;
    waiting_bytes_ = 0;
}

void NativeWriter::add(const Lease& lease) {
    db_.prepare("INSERT OR REPLACE INTO lease (id, ttl) VALUES (?1, ?2)")
        .bind(1, lease.id)
        .bind(2, lease.ttl)
        .run();
}

void NativeWriter::set_meta(std::string_view name, std::int64_t value) {
    db_.prepare("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")
        .bind_text(1, name)
        .bind(2, value)
        .run();
}

void NativeWriter::add_raft_entry(std::uint64_t index, std::uint64_t term, std::int64_t type,
                                  std::optional<std::string_view> data) {
    if (!insert_entry_)
        insert_entry_ = db_.prepare("INSERT INTO raft_entry (idx, term, type, data) VALUES (?1, ?2, ?3, ?4)");
    insert_entry_->bind(1, static_cast<std::int64_t>(index))
        .bind(2, static_cast<std::int64_t>(term))
        .bind(3, type);
    if (data) {
        insert_entry_->bind_blob(4, *data);
    } else {
        insert_entry_->bind_null(4);
    }
    insert_entry_->run();
}

void NativeWriter::finish() {
    insert_waiting();
    if (options_.key_index) db_.exec("CREATE INDEX revision_by_key ON revision (key, main, sub, tombstone)");
    db_.exec("COMMIT");
    insert_.reset();
    insert_entry_.reset();
    db_.close();
    file_.sync();
    file_.publish_as_new(path_);
}

}  // namespace kvctl::store
