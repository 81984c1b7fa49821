#include "tests/support/kine_maker.hpp"

#include <algorithm>
#include <random>
#include <set>

#include "kvctl/sqlite/database.hpp"
#include "tests/support/sql.hpp"

namespace kvctl::test {
namespace {

using sqlite::Database;

constexpr const char* k_compact_row = "compact_rev_key";

std::string schema_of(KineAge age) {
    std::string sql = "CREATE TABLE IF NOT EXISTS kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name ";
    sql += age == KineAge::v0_16_3 ? "TEXT" : "INTEGER";
    sql +=
        ", created INTEGER, deleted INTEGER, create_revision INTEGER, prev_revision INTEGER, lease INTEGER,"
        " value BLOB, old_value BLOB);"
        "CREATE INDEX IF NOT EXISTS kine_name_index ON kine (name);";
    if (age != KineAge::v0_1) {
        sql +=
            "CREATE INDEX IF NOT EXISTS kine_name_id_index ON kine (name,id);"
            "CREATE INDEX IF NOT EXISTS kine_id_deleted_index ON kine (id,deleted);"
            "CREATE INDEX IF NOT EXISTS kine_prev_revision_index ON kine (prev_revision);";
    }
    sql += "CREATE UNIQUE INDEX IF NOT EXISTS kine_name_prev_revision_uindex ON kine (name, prev_revision);";
    if (age == KineAge::v0_14_13 || age == KineAge::v0_16_3) {
        sql +=
            "CREATE INDEX IF NOT EXISTS kine_id_compact_rev_key_with_prev_revision_index ON kine"
            " (id, name, prev_revision) WHERE name != 'compact_rev_key' AND prev_revision != 0;";
    }
    return sql;
}

// What the rule removes: every row of a key up to the revision but the newest, that one too when it is
// deleted; never the newest row of all, a compact row, or one without name or flag.
std::set<std::string> expected_removed(const std::string& path, std::int64_t revision) {
    struct Newest {
        std::int64_t id = 0;
        bool deleted = false;
    };
    const Database db = Database::open(path, Database::Mode::lockless);
    const std::int64_t current = db.integer("SELECT max(id) FROM kine").value_or(0);
    std::map<std::string, std::vector<Newest>> keys;
    sqlite::Statement s = db.prepare(
        "SELECT id, name, deleted FROM kine WHERE id <= ?1 AND name IS NOT NULL AND deleted IS NOT NULL"
        " AND name <> 'compact_rev_key' ORDER BY id");
    s.bind(1, revision);
    while (s.step()) keys[std::string(s.bytes(1))].push_back({s.integer(0), s.integer(2) != 0});
    std::set<std::string> gone;
    for (const auto& [name, rows] : keys) {
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const bool stays = i + 1 == rows.size() && !rows[i].deleted;
            if (!stays && rows[i].id != current) gone.insert(std::to_string(rows[i].id));
        }
    }
    return gone;
}

std::map<std::string, std::string> rows_of(const std::string& path, const std::string& columns,
                                           const std::string& where) {
    std::map<std::string, std::string> rows;
    for (const std::string& line : query(path, "SELECT id, " + columns + " FROM kine WHERE " + where))
        rows[line.substr(0, line.find('|'))] = line;
    return rows;
}

}  // namespace

KineMaker::KineMaker(bool copies_values) : copies_values_(copies_values) {
    raw({1, k_compact_row, 1, 0, 0, 0, 0, ""});
    create("/registry/health", R"({"health":"true"})");
}

bool KineMaker::live(const std::string& name) const {
    const auto known = last_.find(name);
    return known != last_.end() && !known->second.deleted;
}

void KineMaker::create(const std::string& name, const std::string& value, std::int64_t lease) {
    const auto known = last_.find(name);
    KineRow row{++id_, name, 1, 0, 0, 0, lease, value};
    if (known != last_.end()) {
        row.prev_revision = known->second.id;
        row.old_value = known->second.value;
    }
    rows_.push_back(row);
    last_[name] = {id_, false, id_, value};
}

void KineMaker::update(const std::string& name, const std::string& value) {
    Last& l = last_.at(name);
    rows_.push_back({++id_, name, 0, 0, l.create, l.id, 0, value, l.value});
    l = {id_, false, l.create, value};
}

void KineMaker::remove(const std::string& name) {
    Last& l = last_.at(name);
    KineRow row{++id_, name, 0, 1, 0, l.id, 0, std::nullopt, l.value};
    if (copies_values_) {
        row.create_revision = l.create;
        row.value = l.value;
    }
    rows_.push_back(row);
    l = {id_, true, 0, row.value};
}

void KineMaker::put(const std::string& name, const std::string& value) {
    if (live(name)) {
        update(name, value);
    } else {
        create(name, value);
    }
}

void KineMaker::gap() {
    ++id_;
    rows_.push_back({id_, "gap-" + std::to_string(id_), 0, 1, 0, 0, 0});
}

void KineMaker::raw(const KineRow& row) {
    rows_.push_back(row);
    id_ = std::max(id_, row.id);
}

void KineMaker::compact(std::int64_t revision) {
    for (const KineRow& r : rows_) {
        if (r.name == k_compact_row && r.prev_revision >= revision) return;
    }
    std::set<std::int64_t> gone;
    for (const KineRow& r : rows_) {
        if (r.id > revision || r.name == k_compact_row) continue;
        if (r.prev_revision.value_or(0) != 0) gone.insert(*r.prev_revision);
        if (r.deleted.value_or(0) != 0) gone.insert(r.id);
    }
    std::erase_if(rows_, [&](const KineRow& r) { return gone.count(r.id) > 0; });
    std::erase_if(last_, [&](const auto& l) { return gone.count(l.second.id) > 0; });
    for (KineRow& r : rows_) {
        if (r.name == k_compact_row) r.prev_revision = revision;
    }
}

void KineMaker::write(const std::string& path, const KineShape& shape) const {
    Database db = Database::open(path, Database::Mode::create);
    db.exec("PRAGMA page_size = " + std::to_string(shape.page_size));
    if (shape.reserved > 0) db.reserve_bytes(shape.reserved);
    db.exec(shape.before);
    db.exec(shape.wal ? "PRAGMA journal_mode = WAL" : "PRAGMA journal_mode = DELETE");
    db.exec("BEGIN");
    db.exec(schema_of(shape.age));
    std::optional<sqlite::Statement> insert = db.prepare(
        "INSERT INTO kine (id, name, created, deleted, create_revision, prev_revision, lease, value, "
        "old_value)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    const auto number = [&](int at, const std::optional<std::int64_t>& v) {
        if (v) {
            insert->bind(at, *v);
        } else {
            insert->bind_null(at);
        }
    };
    const auto bytes = [&](int at, const std::optional<std::string>& v) {
        if (v) {
            insert->bind_blob(at, *v);
        } else {
            insert->bind_null(at);
        }
    };
    for (const KineRow& r : rows_) {
        insert->bind(1, r.id);
        if (r.name) {
            insert->bind_text(2, *r.name);
        } else {
            insert->bind_null(2);
        }
        insert->bind(3, r.created);
        number(4, r.deleted);
        insert->bind(5, r.create_revision);
        number(6, r.prev_revision);
        insert->bind(7, r.lease);
        bytes(8, r.value);
        bytes(9, r.old_value);
        insert->run();
    }
    insert.reset();
    db.exec("COMMIT");
    db.exec(shape.after);
    db.close();
}

KineMaker random_kine(std::uint32_t seed, std::size_t writes, bool copies_values) {
    std::mt19937 engine(seed);
    const auto below = [&](std::size_t n) { return engine() % n; };
    KineMaker m(copies_values);
    const std::size_t keys = 3 + below(20);
    const std::size_t compact_after = below(2) == 0 ? below(writes) : writes;
    for (std::size_t i = 0; i < writes; ++i) {
        const std::string key = "/registry/" + std::string(below(2) == 0 ? "pods" : "events") + "/ns/k" +
                                std::to_string(below(keys));
        const std::string value = "k8s" + std::string(below(300), static_cast<char>('a' + below(26)));
        if (below(40) == 0) {
            m.gap();
        } else if (below(60) == 0) {
            m.hole();
        } else if (m.live(key) && below(4) == 0) {
            m.remove(key);
        } else {
            m.put(key, value);
        }
        if (i == compact_after) m.compact(m.current() - static_cast<std::int64_t>(below(5)));
    }
    m.put("/registry/last", "v");
    return m;
}

KineMaker backlogged_kine(std::uint32_t seed, std::size_t writes) {
    KineMaker m = random_kine(seed, 300, false);
    std::mt19937 engine(seed);
    const auto below = [&](std::size_t n) { return engine() % n; };
    for (std::size_t i = 0; i < writes; ++i) {
        const std::string key = "/registry/leases/ns/k" + std::to_string(below(3 + below(60)));
        if (below(40) == 0) m.gap();
        if (below(60) == 0) m.hole();
        if (m.live(key) && below(5) == 0) {
            m.remove(key);
        } else {
            m.put(key, "k8s" + std::string(below(300), static_cast<char>('a' + below(26))));
        }
    }
    m.put("/registry/last", "v");
    return m;
}

std::vector<std::string> compare_kine(const std::string& before, const std::string& after,
                                      std::int64_t revision, bool old_values_dropped) {
    std::vector<std::string> wrong;
    const std::string plain = "name IS NOT 'compact_rev_key'";
    const std::string columns =
        "typeof(name), name, created, deleted, create_revision, prev_revision, lease, value, " +
        std::string(old_values_dropped
                        ? "CASE WHEN id <= " + std::to_string(revision) + " THEN NULL ELSE old_value END"
                        : "old_value");
    std::map<std::string, std::string> expected = rows_of(before, columns, plain);
    for (const std::string& id : expected_removed(before, revision)) expected.erase(id);
    const std::map<std::string, std::string> have = rows_of(after, columns, plain);
    for (const auto& [id, row] : expected) {
        const auto h = have.find(id);
        if (h == have.end()) wrong.push_back("row " + id + " is gone");
        if (h != have.end() && h->second != row) wrong.push_back("row " + id + " changed");
    }
    for (const auto& [id, row] : have) {
        if (expected.count(id) == 0) wrong.push_back("row " + id + " is still there");
    }
    const auto both = [&](const std::string& what, const std::string& sql) {
        if (query(before, sql) != query(after, sql)) wrong.push_back(what + " differs");
    };
    if (old_values_dropped &&
        query_one(after, "SELECT count(*) FROM kine WHERE old_value IS NOT NULL AND id <= " +
                             std::to_string(revision)) != "0") {
        wrong.emplace_back("old values are still there");
    }
    const std::string count = "SELECT count(*) FROM kine WHERE name = 'compact_rev_key'";
    if (query_one(after, count) != "1") wrong.push_back(query_one(after, count) + " compact rows");
    const std::string compacted = "SELECT max(prev_revision) FROM kine WHERE name = 'compact_rev_key'";
    if (query_one(after, compacted) != std::to_string(revision))
        wrong.push_back("the compact revision is " + query_one(after, compacted));
    if (query_one(before, count) == "1") {
        both("the compact row",
             "SELECT id, created, deleted, create_revision, lease, value, old_value FROM kine"
             " WHERE name = 'compact_rev_key'");
    }
    const auto number = [](const std::string& path, const std::string& sql) {
        return std::stoll(query_one(path, sql));
    };
    const std::string newest = "SELECT max(id) FROM kine";
    const std::int64_t grows = query_one(before, count) == "0" ? 1 : 0;
    if (number(after, newest) != number(before, newest) + grows && grows == 0)
        wrong.emplace_back("the current revision moved");
    const std::string sequence = "SELECT seq FROM sqlite_sequence WHERE name = 'kine'";
    if (number(after, sequence) < number(before, sequence)) wrong.emplace_back("sqlite_sequence fell");
    both("the schema", "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name");
    for (const char* pragma : {"user_version", "application_id", "page_size", "encoding", "auto_vacuum"})
        both(pragma, std::string("PRAGMA ") + pragma);
    if (query(after, "PRAGMA integrity_check") != std::vector<std::string>{"'ok'"})
        wrong.emplace_back("the file is damaged");
    return wrong;
}

}  // namespace kvctl::test
