#include "tests/fuzz/sqlite_edit.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "tests/fuzz/memory_database.hpp"
#include "tests/fuzz/promise.hpp"
#include "tests/fuzz/sqlite_wal.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/naive_store.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/temp_dir.hpp"

namespace kvctl::fuzz {
namespace {

constexpr std::array<std::string_view, 8> k_native_columns{
    "main", "sub", "tombstone", "key", "create_revision", "version", "lease", "value"};
constexpr std::array<std::string_view, 9> k_kine_columns{
    "id", "name", "created", "deleted", "create_revision", "prev_revision", "lease", "value", "old_value"};
constexpr std::array<std::string_view, 8> k_counters{
    "scheduled_compact_rev", "finished_compact_rev", "consistent_index", "term",
    "raft_snapshot_index",   "raft_snapshot_term",   "raft_commit",      "surprise"};
constexpr std::array<std::string_view, 4> k_keys{"/registry/a", "/registry/b", "gap-5", "compact_rev_key"};

constexpr std::array<std::string_view, 33> k_native_sql{
    "ALTER TABLE revision ADD COLUMN rowid INTEGER DEFAULT 5",
    "ALTER TABLE meta ADD COLUMN x AS (zeroblob(900000))",
    "CREATE TABLE pragma_table_list (schema, name, type, wr); INSERT INTO pragma_table_list VALUES"
    " ('main', 'revision', 'table', 0), ('main', 'meta', 'table', 0); DROP TABLE meta;"
    "CREATE VIEW meta AS SELECT 'term' AS name, 5 AS value",
    "CREATE TRIGGER t AFTER DELETE ON revision BEGIN INSERT INTO meta VALUES ('ran', 1); END",
    "CREATE TRIGGER t AFTER INSERT ON meta BEGIN DELETE FROM revision; END",
    "CREATE VIEW v AS SELECT load_extension('x')",
    "ALTER TABLE revision RENAME TO r2; CREATE VIEW revision AS SELECT * FROM r2",
    "ALTER TABLE meta RENAME TO m2; CREATE VIEW meta AS SELECT * FROM m2",
    "ALTER TABLE revision ADD COLUMN extra AS (zeroblob(900000))",
    "ALTER TABLE revision ADD COLUMN extra TEXT",
    "ALTER TABLE revision ADD COLUMN extra TEXT DEFAULT 'x'",
    "ALTER TABLE revision ADD COLUMN extra INT CHECK (length(zeroblob(500000000)) > main)",
    "ALTER TABLE revision DROP COLUMN value;"
    "ALTER TABLE revision ADD COLUMN value AS (zeroblob(500000000))",
    "CREATE INDEX i ON revision (hex(key))",
    "CREATE INDEX i ON revision (key) WHERE length(zeroblob(400000000)) > main",
    "CREATE UNIQUE INDEX i ON revision (key, main, sub)",
    "CREATE INDEX i ON revision (key COLLATE NOCASE)",
    "CREATE INDEX i ON revision (printf('%.*c', 3000, main))",
    "CREATE VIRTUAL TABLE f USING fts5(a); INSERT INTO f VALUES ('x')",
    "CREATE VIRTUAL TABLE f USING rtree(a, b, c)",
    "CREATE VIRTUAL TABLE d USING dbstat",
    "ANALYZE",
    "CREATE TABLE kine (id INTEGER PRIMARY KEY, name, created, deleted, create_revision, prev_revision, "
    "lease,"
    " value, old_value)",
    "DROP TABLE lease",
    "CREATE TABLE r2 AS SELECT * FROM revision; DROP TABLE revision; ALTER TABLE r2 RENAME TO revision",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = sql || '; DELETE FROM main.meta'",
    "CREATE INDEX i ON revision (lease); PRAGMA writable_schema = ON;"
    "UPDATE sqlite_schema SET sql = sql || '; ATTACH ''file:/nowhere/x?mode=rwc'' AS y' WHERE name = 'i'",
    "CREATE INDEX i ON revision (lease); PRAGMA writable_schema = ON;"
    "UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON revision (nope(key))' WHERE name = 'i'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 2 WHERE name = 'lease'",
    "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES ('table', 'vt', 'vt', 3,"
    " 'CREATE VIRTUAL TABLE vt USING fts5(a)')",
    "PRAGMA user_version = 7",
    "CREATE TABLE j (main INTEGER REFERENCES revision (main) ON DELETE CASCADE, x CHECK (x = random()))",
    "PRAGMA application_id = 5"};

constexpr std::array<std::string_view, 20> k_kine_sql{
    "CREATE TRIGGER t AFTER DELETE ON kine BEGIN INSERT INTO kine (name) VALUES ('ran'); END",
    "CREATE VIEW v AS SELECT load_extension('x')",
    "ALTER TABLE kine RENAME TO k2; CREATE VIEW kine AS SELECT * FROM k2",
    "ALTER TABLE kine ADD COLUMN extra AS (zeroblob(900000))",
    "ALTER TABLE kine ADD COLUMN extra TEXT DEFAULT 'x'",
    "ALTER TABLE kine DROP COLUMN old_value; ALTER TABLE kine ADD COLUMN old_value AS (zeroblob(500000000))",
    "CREATE INDEX i ON kine (hex(name))",
    "CREATE INDEX i ON kine (name) WHERE length(zeroblob(400000000)) > id",
    "CREATE INDEX i ON kine (name COLLATE NOCASE)",
    "CREATE VIRTUAL TABLE f USING fts5(a); INSERT INTO f VALUES ('x')",
    "ANALYZE",
    "DROP INDEX kine_name_index",
    "DROP INDEX kine_name_prev_revision_uindex",
    "CREATE TABLE key_value (id INTEGER PRIMARY KEY, name)",
    "CREATE TABLE revision (main, sub, tombstone, key, create_revision, version, lease, value);"
    "CREATE TABLE meta (name, value)",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = sql || '; DELETE FROM main.kine'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'sqlite_sequence'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'name', 'naem') WHERE type = "
    "'index'",
    "DELETE FROM sqlite_sequence",
    "UPDATE sqlite_sequence SET seq = 'many'"};

Value value_from(Input& in) {
    switch (in.byte() % 8) {
        case 0:
            return {};
        case 1:
            return std::int64_t{static_cast<std::int8_t>(in.byte())};
        case 2:
            return static_cast<std::int64_t>(in.number(8));
        case 3:
            return in.byte() + 0.5;
        case 4:
            return Text{std::string(in.bytes(in.byte() % 16)), true};
        case 5:
            return Blob{std::string(in.bytes(in.byte() % 32))};
        case 6:
            return Zeros{
                static_cast<int>(in.number(2) % 10000)};  // a few pages, no matter how large they are
        default:
            return Text{std::string(k_keys[in.byte() % k_keys.size()]), false};
    }
}

bool in_utf16(unsigned which) {
    return which % k_templates == 3;
}

constexpr std::size_t k_no_script = k_native_sql.size();

// The template, or what one of hostile_sql() makes of it, open: most edits change rows of it, and then
// nothing need be compiled for them. Never closed.
MemoryDatabase& open_template(Form form, unsigned which, std::size_t script) {
    static std::array<std::array<MemoryDatabase*, k_no_script + 1>, std::size_t{2} * k_templates> k_open{};
    auto& db = k_open[(form == Form::kine ? k_templates : 0) + which % k_templates][script];
    if (db != nullptr) {
        db->restore();
    } else {
        db = new MemoryDatabase(template_store(form, which), in_utf16(which));
        if (script != k_no_script) db->begin_with(std::string(hostile_sql(form)[script]));
    }
    return *db;
}

class Editor {
  public:
    Editor(Form form, unsigned which) : form_(form), which_(which), bytes_(template_store(form, which)) {}

    void edit(Input& in) {
        const unsigned what = in.byte() % 13;
        if (what < 5 || what == 9) {
            by_sql(what, in);
        } else if (what > 10) {
            wal_edits_.push_back({what == 12, in.number(2), static_cast<char>(in.byte())});
        } else {
            by_bytes(what, in);
        }
    }
    std::string finish() {
        to_bytes();
        return std::move(bytes_);
    }
    void edit_wal(std::string& wal) const {
        for (const WalEdit& e : wal_edits_) {
            if (wal.empty()) return;
            const std::size_t at = e.at % wal.size();
            if (e.cut) {
                wal.resize(at);
            } else {
                wal[at] = static_cast<char>(wal[at] ^ e.bits);
            }
        }
    }

  private:
    void by_sql(unsigned what, Input& in) {
        if (db_ == nullptr && bytes_.empty()) return;
        const auto row = std::int64_t{in.byte() % 32};
        if (what == 4) return by_script(in.byte() % hostile_sql(form_).size());
        if (what == 9) leave_template();
        if (db_ == nullptr) open(what == 9);
        const bool kine = form_ == Form::kine;
        const std::string table = kine ? "kine" : "revision";
        const std::string that = " WHERE rowid = (SELECT rowid FROM " + table + " LIMIT 1 OFFSET ?1)";
        switch (what) {
            case 0: {
                const unsigned c = in.byte();
                const std::string column(kine ? k_kine_columns[c % k_kine_columns.size()]
                                              : k_native_columns[c % k_native_columns.size()]);
                return db_->run("UPDATE " + table + " SET " + column + " = ?2" + that, {row, value_from(in)});
            }
            case 1: {
                const Value first = value_from(in);
                if (kine) {
                    return db_->run(
                        "INSERT INTO kine SELECT ?2, name, created, deleted, create_revision,"
                        " prev_revision + 1, lease, value, old_value FROM kine" +
                            that,
                        {row, first});
                }
                return db_->run(
                    "INSERT INTO revision SELECT ?2, ?3, tombstone, key, create_revision, version + 1,"
                    " lease, value FROM revision" +
                        that,
                    {row, first, value_from(in)});
            }
            case 2:
                return db_->run("DELETE FROM " + table + that, {row});
            case 3: {
                if (kine) {
                    return db_->run("UPDATE kine SET prev_revision = ?1 WHERE name = 'compact_rev_key'",
                                    {value_from(in)});
                }
                const std::string_view counter = k_counters[in.byte() % k_counters.size()];
                return db_->run("INSERT OR REPLACE INTO meta VALUES (?1, ?2)",
                                {Text{std::string(counter), false}, value_from(in)});
            }
            default: {
                const auto kept = std::int64_t{static_cast<std::int64_t>(in.number(2)) % 400};
                const Value put = value_from(in);
                const auto from = std::int64_t{static_cast<std::int64_t>(in.number(2)) % 400};
                db_->run_script("PRAGMA writable_schema = ON");
                db_->run(
                    "UPDATE sqlite_schema SET sql = substr(sql, 1, ?1) || CAST(?2 AS TEXT) ||"
                    " substr(sql, ?3) WHERE rowid = ?4",
                    {kept, put, from, std::int64_t{in.byte() % 8 + 1}});
            }
        }
    }

    void by_script(std::size_t script) {
        leave_template();
        if (untouched_) {
            untouched_ = false;
            db_ = &open_template(form_, which_, script);
            return;
        }
        if (db_ == nullptr) open(true);
        db_->run_script(std::string(hostile_sql(form_)[script]));
    }

    // What changes rows alone may be done to the open template, if nothing else has been done before.
    void open(bool for_schema) {
        if (untouched_ && !for_schema) {
            db_ = &open_template(form_, which_, k_no_script);
        } else {
            own_ = std::make_unique<MemoryDatabase>(bytes_, in_utf16(which_));
            db_ = own_.get();
        }
        untouched_ = false;
    }
    void leave_template() {
        if (own_ == nullptr) to_bytes();
    }
    void to_bytes() {
        if (db_ == nullptr) return;
        bytes_ = db_->bytes();
        db_ = nullptr;
        own_.reset();
    }

    void by_bytes(unsigned what, Input& in) {
        to_bytes();
        untouched_ = false;
        if (bytes_.empty()) return;
        const std::uint64_t word = in.number(2);
        const std::size_t at = (word * 4 + in.byte() % 4) % bytes_.size();
        switch (what) {
            case 5:
                bytes_[at] = static_cast<char>(bytes_[at] ^ static_cast<char>(in.byte()));
                break;
            case 6:
                for (std::size_t i = at; i < std::min(bytes_.size(), at + 4); ++i)
                    bytes_[i] = static_cast<char>(in.byte());
                break;
            case 7:
                bytes_.resize(at);
                break;
            case 8:
                bytes_[at % std::min<std::size_t>(100, bytes_.size())] = static_cast<char>(in.byte());
                break;
            default: {
                const std::size_t page = 512;
                const std::size_t other = in.byte() * page % bytes_.size();
                const std::size_t first = at / page * page;
                if (std::max(first, other) + page > bytes_.size() || first == 0 || other == 0) return;
                std::swap_ranges(bytes_.begin() + static_cast<std::ptrdiff_t>(first),
                                 bytes_.begin() + static_cast<std::ptrdiff_t>(first + page),
                                 bytes_.begin() + static_cast<std::ptrdiff_t>(other));
            }
        }
    }

    struct WalEdit {
        bool cut;
        std::uint64_t at;
        char bits;
    };
    Form form_;
    unsigned which_;
    std::string bytes_;
    bool untouched_ = true;
    MemoryDatabase* db_ = nullptr;  // where the edits stand, if not in bytes_: the open template or own_
    std::unique_ptr<MemoryDatabase> own_;
    std::vector<WalEdit> wal_edits_;
};

std::vector<test::naive::Row> small_history() {
    test::naive::Store s(test::naive::k_classic);
    for (int i = 0; i < 24; ++i) {
        const std::string key = "/registry/" + std::string(1, static_cast<char>('a' + i % 5));
        if (i % 7 == 6) {
            s.remove(key);
        } else {
            s.put(key, std::string(static_cast<std::size_t>(i % 4 == 3 ? 700 : 9), 'v'), i % 9 == 8 ? 7 : 0);
        }
        if (i % 3 != 1) s.end();
    }
    s.end();
    return s.row_list();
}

std::size_t template_page_size(unsigned which) {
    return which % k_templates == 2 ? 4096 : 512;
}

std::string make_template(Form form, unsigned which) {
    const std::string path = (scratch_folder() / "template").string();
    const std::string suffix = in_utf16(which) ? "PRAGMA encoding = 'UTF-16le';" : "";
    if (form == Form::native) {
        test::NativeShape shape;
        shape.page_size = static_cast<int>(template_page_size(which));
        shape.shuffled = which == 1;
        shape.key_index = which != 0;
        shape.raft = which == 0;
        shape.before = suffix + (which == 1 ? "PRAGMA auto_vacuum = 1;" : "");
        shape.meta = {{"consistent_index", 9}, {"term", 2}};
        shape.after = "INSERT INTO lease VALUES (7, 60);";
        if (shape.raft) {
            shape.after +=
                "INSERT INTO raft_entry VALUES (8, 2, 0, x''), (9, 2, 0, x'0a00'), (10, 2, 1, x'0801');"
                "INSERT INTO meta VALUES ('raft_commit', 10), ('raft_snapshot_index', 7),"
                " ('raft_snapshot_term', 2)";
        }
        test::make_native(path, small_history(), shape);
    } else {
        test::KineMaker maker(which == 1);
        for (int i = 0; i < 24; ++i) {
            const std::string key = "/registry/" + std::string(1, static_cast<char>('a' + i % 5));
            if (i % 7 == 6 && maker.live(key)) {
                maker.remove(key);
            } else if (i % 11 == 10) {
                maker.gap();
            } else {
                maker.put(key, std::string(static_cast<std::size_t>(i % 4 == 3 ? 700 : 9), 'v'));
            }
        }
        if (which == 2) maker.compact(9);
        test::KineShape shape;
        shape.age = test::k_kine_ages[which];
        shape.wal = false;
        shape.page_size = static_cast<int>(template_page_size(which));
        shape.before = suffix;
        maker.write(path, shape);
    }
    std::string bytes = test::read_file(path);
    std::filesystem::remove(path);
    return bytes;
}

}  // namespace

const std::string& template_store(Form form, unsigned which) {
    static std::array<std::string, std::size_t{2} * k_templates> k_made;
    std::string& bytes = k_made[(form == Form::kine ? k_templates : 0) + which % k_templates];
    if (bytes.empty()) bytes = make_template(form, which % k_templates);
    return bytes;
}

std::span<const std::string_view> hostile_sql(Form form) noexcept {
    if (form == Form::kine) return k_kine_sql;
    return k_native_sql;
}

void StoreFiles::write(const std::string& path) const {
    overwrite_file(path, database);
    for (const char* const suffix : {"-journal", "-shm", "-wal"}) ::unlink((path + suffix).c_str());
    if (!wal.empty()) overwrite_file(path + "-wal", wal);
}

void remove_store(const std::string& path) {
    for (const char* const suffix : {"", "-journal", "-shm", "-wal"}) ::unlink((path + suffix).c_str());
}

StoreFiles edited_store(Form form, std::string_view input) {
    Input in(input);
    const unsigned first = in.byte();
    const std::string& start = template_store(form, first);
    Editor editor(form, first);
    while (!in.empty()) editor.edit(in);
    StoreFiles files{editor.finish(), {}};
    if ((first & 0x80U) == 0) return files;
    const std::string base = in_wal_mode(start);
    files.wal = wal_between(base, in_wal_mode(files.database), template_page_size(first));
    files.database = base;
    editor.edit_wal(files.wal);
    return files;
}

}  // namespace kvctl::fuzz
