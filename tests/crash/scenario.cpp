#include "tests/crash/scenario.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <streambuf>

#include "kvctl/bbolt/check.hpp"
#include "kvctl/bbolt/cursor.hpp"
#include "kvctl/dqlite/state.hpp"
#include "tests/crash/allocator.hpp"
#include "tests/support/temp_dir.hpp"
#include "tools/commands.hpp"

namespace kvctl::crash {
namespace {

struct Close {
    void operator()(sqlite3* db) const noexcept { sqlite3_close(db); }
    void operator()(sqlite3_stmt* s) const noexcept { sqlite3_finalize(s); }
};
using Db = std::unique_ptr<sqlite3, Close>;
using Rows = std::unique_ptr<sqlite3_stmt, Close>;

// By SQLite's own VFS: what reads and builds the stores here is not watched.
Db open_db(const std::string& path) {
    sqlite3* handle = nullptr;
    const int rc = sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "unix");
    Db db(handle);
    if (rc != SQLITE_OK) throw std::runtime_error(path + ": cannot be opened");
    return db;
}

void exec(const Db& db, const std::string& sql) {
    if (sqlite3_exec(db.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
        throw std::runtime_error(std::string(sqlite3_errmsg(db.get())) + " in: " + sql);
}

// Every bucket of an etcd db, whatever its pages look like; a snapshot with its digest.
void read_bucket(const bbolt::File& file, const bbolt::Bucket& bucket, const std::string& name,
                 State& state) {
    state.digest += "bucket " + name + " " + std::to_string(bucket.sequence) + "\n";
    // What a visitor has counted up, as rows of the others look.
    for (std::uint64_t i = 0; name.empty() && i < bucket.sequence; ++i) {
        const std::string key = "/late/" + std::to_string(i);
        state.rows.push_back(":" + std::to_string(key.size()) + ":" + key);
    }
    bbolt::Cursor c(file, bucket);
    for (bool more = c.first(); more; more = c.next()) {
        if (c.is_bucket()) {
            read_bucket(file, file.decode_bucket(c.value(), c.page()), std::string(c.key()), state);
            continue;
        }
        state.digest.append(c.key()).append("=").append(c.value()).append("\n");
        if (name == "key") state.rows.emplace_back(c.key());
    }
}

void read_bbolt(const std::string& path, State& state) {
    const bbolt::File file(path, bbolt::File::Lock::none);
    Findings findings;
    (void)bbolt::check_structure(file, findings, nullptr);
    if (!findings.empty()) throw std::runtime_error(findings.front().what);
    if (file.has_digest()) state.digest = "with a digest\n";
    read_bucket(file, file.root(), "", state);
}

// The database in a dqlite directory, as a file of its own; what the directory says of its cluster comes
// back.
std::string read_dqlite(const std::string& path, const std::string& database) {
    const Calm calm;
    dqlite::State directory = dqlite::read_state(path);
    if (!directory.findings.empty()) throw std::runtime_error(directory.findings.front().what);
    directory.databases.at(0).set_wal_mode(false);
    test::write_file(database, test::read_file(directory.databases.at(0).path()));
    return "term " + std::to_string(directory.term.value()) + ", index " +
           std::to_string(directory.applied.value()) + ", members " +
           std::to_string(directory.configuration.size()) + "\n";
}

// Every row as one string of typed values.
std::vector<std::string> rows_of(const Db& db, const std::string& sql) {
    sqlite3_stmt* handle = nullptr;
    if (sqlite3_prepare_v2(db.get(), sql.c_str(), -1, &handle, nullptr) != SQLITE_OK)
        throw std::runtime_error(sqlite3_errmsg(db.get()));
    const Rows s(handle);
    std::vector<std::string> rows;
    int rc = SQLITE_ROW;
    while ((rc = sqlite3_step(s.get())) == SQLITE_ROW) {
        std::string row;
        for (int i = 0; i < sqlite3_column_count(s.get()); ++i) {
            const auto* const p = static_cast<const char*>(sqlite3_column_blob(s.get(), i));
            const auto n = static_cast<std::size_t>(sqlite3_column_bytes(s.get(), i));
            row += std::to_string(sqlite3_column_type(s.get(), i)) + ":" + std::to_string(n) + ":";
            if (p != nullptr) row.append(p, n);
        }
        rows.push_back(std::move(row));
    }
    if (rc != SQLITE_DONE) throw std::runtime_error(sqlite3_errmsg(db.get()));
    return rows;
}

std::string number(int n) {
    return std::to_string(n);
}

std::string empty_sql() {
    return "PRAGMA application_id = 1802920820; PRAGMA user_version = 1;"
           "CREATE TABLE revision (main INTEGER NOT NULL, sub INTEGER NOT NULL, tombstone INTEGER NOT NULL,"
           " key BLOB NOT NULL, create_revision INTEGER NOT NULL, version INTEGER NOT NULL, lease INTEGER "
           "NOT "
           "NULL,"
           " value BLOB, PRIMARY KEY (main, sub));"
           "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
           "CREATE TABLE lease (id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL);";
}

std::string native_sql() {
    std::string sql =
        empty_sql() +
        "CREATE TABLE raft_entry (idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, type INTEGER NOT NULL,"
        " data BLOB);"
        "CREATE INDEX mine ON revision (key, main, sub, tombstone);"
        "INSERT INTO lease VALUES (7, 60);"
        "INSERT INTO meta VALUES ('consistent_index', 90), ('term', 2), ('raft_term', 2), ('raft_commit', "
        "90);";
    for (int i = 1; i <= 90; ++i) sql += "INSERT INTO raft_entry VALUES (" + number(i) + ", 2, 0, NULL);";
    std::vector<int> version(7);
    std::vector<int> created(7);
    for (int main = 2; main < 92; ++main) {
        const auto key = static_cast<std::size_t>(main * main % 7);
        const bool dies = main % 11 == 5 && version[key] > 0;
        if (!dies && ++version[key] == 1) created[key] = main;
        if (dies) version[key] = 0;
        sql += "INSERT INTO revision VALUES (" + number(main) + ", 0, " + (dies ? "1" : "0") + ", x'6b3" +
               number(static_cast<int>(key)) + "', " + number(dies ? 0 : created[key]) + ", " +
               number(version[key]) + ", 0, " +
               (dies ? std::string("NULL") : "zeroblob(" + number(40 + main * 37 % 700) + ")") + ");";
    }
    return sql;
}

std::string kine_sql() {
    std::string sql =
        "CREATE TABLE kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, created INTEGER, deleted "
        "INTEGER,"
        " create_revision INTEGER, prev_revision INTEGER, lease INTEGER, value BLOB, old_value BLOB);"
        "CREATE INDEX kine_name_index ON kine (name);"
        "CREATE INDEX kine_name_id_index ON kine (name,id);"
        "CREATE INDEX kine_id_deleted_index ON kine (id,deleted);"
        "CREATE INDEX kine_prev_revision_index ON kine (prev_revision);"
        "CREATE UNIQUE INDEX kine_name_prev_revision_uindex ON kine (name, prev_revision);"
        "INSERT INTO kine VALUES (1, 'compact_rev_key', 1, 0, 0, 0, 0, x'', NULL);";
    struct Key {
        int last = 0;
        int created = 0;
        bool live = false;
    };
    std::vector<Key> keys(7);
    for (int id = 2; id < 92; ++id) {
        Key& key = keys[static_cast<std::size_t>(id * id % 7)];
        const bool dies = id % 11 == 5 && key.live;
        const bool update = key.live && !dies;
        if (!key.live) key.created = id;
        const std::string value = dies ? "NULL" : "zeroblob(" + number(40 + id * 37 % 500) + ")";
        sql += "INSERT INTO kine VALUES (" + number(id) + ", '/registry/k" + number(id * id % 7) + "', " +
               (key.live ? "0" : "1") + ", " + (dies ? "1" : "0") + ", " + number(update ? key.created : 0) +
               ", " + number(key.last) + ", 0, " + value + ", " + (key.live ? "zeroblob(50)" : "NULL") + ");";
        key.last = id;
        key.live = !dies;
    }
    return sql;
}

// The files of a store with small pages, so that a change touches many.
Files make_files(const std::string& sql, bool wal, bool left_over) {
    const test::TempDir dir;
    const std::string path = dir.file(k_store);
    Db db = open_db(path);
    exec(db, "PRAGMA page_size = 1024");
    exec(db, std::string("PRAGMA journal_mode = ") + (wal ? "WAL" : "DELETE"));
    exec(db, "BEGIN; " + sql + "COMMIT;");
    if (!left_over) {
        db.reset();
        return read_folder(dir.path().string());
    }
    // A copy of the files while the last transaction lies only in the -wal, or as it is cut short.
    exec(db, "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = 2; PRAGMA cache_spill = 2;");
    const std::string table = sql.find("TABLE kine") != std::string::npos ? "kine" : "revision";
    if (wal) {
        exec(db, "PRAGMA wal_checkpoint(TRUNCATE)");
        exec(db, "BEGIN; UPDATE " + table +
                     " SET value = zeroblob(300) WHERE value IS NOT NULL AND rowid % 5 = 0; COMMIT;");
    } else {
        exec(db, "BEGIN; UPDATE " + table + " SET value = zeroblob(300) WHERE value IS NOT NULL;");
    }
    Files files = read_folder(dir.path().string());
    files.erase(std::string(k_store) + "-shm");
    return files;
}

std::string replaced(const std::string& word, const std::string& folder) {
    if (word == "STORE") return folder + "/" + k_store;
    if (word == "OUT") return folder + "/" + k_output;
    if (word == "BACKUP") return folder + "/" + k_backup;
    if (word == "LOG") return folder + "/" + k_log;
    return word;
}

// What a run prints; needs no memory, as the program's own streams need none.
class Printed : public std::streambuf {
  public:
    Printed() { setp(block_.data(), block_.data() + block_.size()); }
    [[nodiscard]] std::string text() const { return {pbase(), pptr()}; }

  private:
    std::array<char, 65536> block_{};
};

}  // namespace

std::vector<Scenario> scenarios() {
    std::vector<Scenario> all;
    for (const bool kine : {false, true}) {
        const std::string sql = kine ? kine_sql() : native_sql();
        for (const bool wal : {false, true}) {
            for (const bool left_over : {false, true}) {
                const std::string kind = std::string(kine ? "kine" : "native") +
                                         (wal ? ", WAL" : ", rollback") +
                                         (left_over ? (wal ? ", -wal left" : ", -journal left") : "");
                const Files files = make_files(sql, wal, left_over);
                const auto add = [&](const char* how, std::vector<std::string> args) {
                    Scenario s{kind + ": " + how, files, std::move(args)};
                    s.in_batches = std::find(s.args.begin(), s.args.end(), "--batch") != s.args.end();
                    s.to_output = std::find(s.args.begin(), s.args.end(), "-o") != s.args.end();
                    // A hot journal needs a writer first: reading alone is refused.
                    if (s.to_output && left_over && !wal) return;
                    all.push_back(std::move(s));
                };
                add("in place", {"compact", "--rev", "60", "--strategy", "in-place", "STORE"});
                add("in batches", {"compact", "--rev", "70", "--batch", "12", "STORE"});
                add("rewrite", {"compact", "--rev", "80", "--strategy", "rewrite", "STORE"});
                add("in place and vacuum",
                    {"compact", "--rev", "60", "--strategy", "in-place", "--vacuum", "STORE"});
                add("to another file", {"compact", "--rev", "60", "-o", "OUT", "STORE"});
                add("import", {"import", "-o", "OUT", "STORE"});
                if (wal || !left_over) add("check", {"check", "STORE"});
                add("in place, backup",
                    {"compact", "--rev", "60", "--strategy", "in-place", "--backup", "BACKUP", "STORE"});
                if (left_over) continue;
                add("rewrite, backup",
                    {"compact", "--rev", "60", "--strategy", "rewrite", "--backup", "BACKUP", "STORE"});
                add("vacuum", {"vacuum", "STORE"});
                add("vacuum, backup", {"vacuum", "--backup", "BACKUP", "STORE"});
                if (kine) {
                    add("old values",
                        {"compact", "--rev", "60", "--strategy", "in-place", "--drop-old-values", "STORE"});
                } else {
                    add("raft log",
                        {"compact", "--rev", "60", "--strategy", "in-place", "--raft-index", "50", "STORE"});
                    add("raft log, rewrite",
                        {"compact", "--rev", "60", "--strategy", "rewrite", "--raft-index", "50", "STORE"});
                    add("raft log, in batches",
                        {"compact", "--rev", "60", "--batch", "12", "--raft-index", "50", "STORE"});
                }
            }
        }
    }
    add_dqlite_scenarios(make_files(kine_sql(), false, false), all);
    add_log_scenarios(make_files(empty_sql(), false, false), make_files(empty_sql(), true, false), all);
    return all;
}

std::vector<std::string> arguments(const Scenario& scenario, const std::string& folder) {
    const Calm calm;
    std::vector<std::string> args;
    for (const std::string& word : scenario.args) args.push_back(replaced(word, folder));
    return args;
}

int run(const Scenario& scenario, const std::string& folder, std::string& printed) {
    const std::vector<std::string> args = arguments(scenario, folder);
    Printed to_out;
    Printed to_err;
    std::ostream out(&to_out);
    std::ostream err(&to_err);
    cli::Io io{out, err};
    const int code = cli::run(args, io);
    const Calm calm;
    printed = to_out.text() + to_err.text();
    return code;
}

State read_state(const std::string& path) {
    State state;
    try {
        if (!std::filesystem::exists(path)) throw std::runtime_error("is not there");
        const test::TempDir scratch;
        std::string database = path;
        std::string cluster;
        if (std::filesystem::is_directory(path)) {
            database = scratch.file("db");
            cluster = read_dqlite(path, database);
        } else if (const std::string bytes = test::read_file(path); !bytes.starts_with("SQLite format 3")) {
            read_bbolt(path, state);
            return state;
        }
        const Db db = open_db(database);
        const auto verdict = rows_of(db, "PRAGMA integrity_check");
        if (verdict.size() != 1 || !verdict.front().ends_with(":ok"))
            throw std::runtime_error(verdict.front());
        std::ostringstream all;
        all << cluster;
        for (const std::string& row :
             rows_of(db, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2"))
            all << row << '\n';
        for (const char* pragma : {"PRAGMA user_version", "PRAGMA application_id", "PRAGMA page_size"})
            all << rows_of(db, pragma).front() << '\n';
        for (const std::string& row : rows_of(db,
                                              "SELECT name FROM sqlite_schema WHERE type = 'table' AND name "
                                              "NOT LIKE 'sqlite_stat%' ORDER BY 1")) {
            const std::string table = row.substr(row.find(':', 2) + 1);
            auto rows = rows_of(db, "SELECT * FROM \"" + table + "\"");
            std::sort(rows.begin(), rows.end());
            all << table << '\n';
            for (const std::string& r : rows) all << r << '\n';
            if (table == "revision") state.rows = std::move(rows);
        }
        if (rows_of(db, "SELECT 1 FROM sqlite_schema WHERE name = 'kine'").size() == 1) {
            state.rows = rows_of(db, "SELECT * FROM kine WHERE name <> 'compact_rev_key'");
            std::sort(state.rows.begin(), state.rows.end());
        }
        state.digest = all.str();
    } catch (const std::exception& e) {
        state.fault = e.what();
    }
    return state;
}

std::string litter(Files left, const Scenario& scenario, bool done) {
    const std::string journal = std::string(k_store) + "-journal";
    erase(left, k_store);
    erase(left, k_output);
    left.erase(k_backup);
    left.erase(k_log);
    if (scenario.to_output || done) left.erase(std::string(k_store) + "-wal");
    // A journal without a transaction.
    if (done && left.contains(journal) && (left[journal].empty() || left[journal].front() == 0))
        left.erase(journal);
    return left.empty() ? std::string() : left.begin()->first;
}

bool resumable(const Scenario& scenario, const State& before, const State& now, const State& after) {
    if (!scenario.steps.empty()) return now.fault.empty() && scenario.steps.contains(now.digest);
    return scenario.in_batches && between(before, now, after);
}

void run_sql(const std::string& path, const std::string& sql) {
    exec(open_db(path), sql);
}

bool between(const State& before, const State& now, const State& after) {
    const auto holds = [](const State& a, const State& b) {
        return std::includes(a.rows.begin(), a.rows.end(), b.rows.begin(), b.rows.end());
    };
    return now.fault.empty() && holds(before, now) && holds(now, after);
}

}  // namespace kvctl::crash
