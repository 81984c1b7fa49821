#include "tests/support/native_maker.hpp"

#include <optional>
#include <random>

#include "kvctl/sqlite/database.hpp"

namespace kvctl::test {
namespace {

using sqlite::Database;

constexpr const char* k_schema =
    "PRAGMA application_id = 1802920820; PRAGMA user_version = 1;"
    "CREATE TABLE revision (main INTEGER NOT NULL, sub INTEGER NOT NULL, tombstone INTEGER NOT NULL,"
    " key BLOB NOT NULL, create_revision INTEGER NOT NULL, version INTEGER NOT NULL, lease INTEGER NOT NULL,"
    " value BLOB, PRIMARY KEY (main, sub));"
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE lease (id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL);";

}  // namespace

void make_native(const std::string& path, const std::vector<naive::Row>& rows, const NativeShape& shape) {
    Database db = Database::open(path, Database::Mode::create);
    db.exec("PRAGMA page_size = " + std::to_string(shape.page_size));
    if (shape.reserved > 0) db.reserve_bytes(shape.reserved);
    db.exec(shape.before);
    db.exec(shape.wal ? "PRAGMA journal_mode = WAL" : "PRAGMA journal_mode = DELETE");
    db.exec("BEGIN");
    db.exec(k_schema);
    if (shape.key_index) db.exec("CREATE INDEX revision_by_key ON revision (key, main, sub, tombstone)");
    if (shape.raft) {
        db.exec(
            "CREATE TABLE raft_entry (idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, type INTEGER NOT NULL,"
            " data BLOB)");
    }
    std::vector<std::size_t> order(rows.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::mt19937 engine(1);
    for (std::size_t i = order.size(); shape.shuffled && i > 1; --i)
        std::swap(order[i - 1], order[engine() % i]);
    std::optional<sqlite::Statement> insert =
        db.prepare("INSERT INTO revision VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    for (const std::size_t i : order) {
        const naive::Row& r = rows[i];
        insert->bind(1, r.revision.main)
            .bind(2, r.revision.sub)
            .bind(3, r.tombstone ? 1 : 0)
            .bind_blob(4, r.key);
        insert->bind(5, r.create_revision).bind(6, r.version).bind(7, r.lease);
        if (r.tombstone) {
            insert->bind_null(8);
        } else {
            insert->bind_blob(8, r.value);
        }
        insert->run();
    }
    for (const auto& [name, value] : shape.meta) {
        db.prepare("INSERT INTO meta VALUES (?1, ?2)").bind_text(1, name).bind(2, value).run();
    }
    db.exec("COMMIT");
    db.exec(shape.after);
    insert.reset();  // a statement that is still there keeps the file open
    db.close();
}

std::vector<naive::Row> native_rows(const std::string& path) {
    const Database db = Database::open(path, Database::Mode::lockless);
    sqlite::Statement s = db.prepare(
        "SELECT main, sub, tombstone, key, create_revision, version, lease, value FROM revision"
        " ORDER BY main, sub");
    std::vector<naive::Row> rows;
    while (s.step()) {
        rows.push_back({{s.integer(0), s.integer(1)},
                        s.integer(2) != 0,
                        std::string(s.bytes(3)),
                        s.integer(4),
                        s.integer(5),
                        s.integer(6),
                        std::string(s.bytes(7))});
    }
    return rows;
}

std::int64_t native_meta(const std::string& path, const std::string& name) {
    const Database db = Database::open(path, Database::Mode::lockless);
    sqlite::Statement s = db.prepare("SELECT value FROM meta WHERE name = ?1");
    s.bind_text(1, name);
    return s.step() ? s.integer(0) : -1;
}

}  // namespace kvctl::test
