// What kvctl is measured against, one process a run: bare SQLite scans, the SQL that people write today,
// kine's own way, and a plain copy. `tests/bench/run` calls it; `--help` lists the contenders.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "contender_db.hpp"

namespace kvctl::bench {

namespace {

constexpr std::int64_t k_kine_batch = 1000;

// A kine compaction at ?1 removes what a row up to there points at, and tombstones up to there (kine's own
// rule).
const std::string k_kine_removed =
    "(SELECT prev_revision FROM kine WHERE id <= ?1 AND prev_revision != 0 AND name != 'compact_rev_key'"
    " UNION SELECT id FROM kine WHERE id <= ?1 AND deleted != 0)";
const std::string k_kine_size =
    "count(*), sum(length(name) + ifnull(length(value), 0) + ifnull(length(old_value), 0))";

// The questions that people who do not know kine's code would ask: all but the newest row of each name, and
// tombstones.
const std::string k_kine_hand =
    " FROM kine WHERE id <= ?1 AND (deleted OR id NOT IN (SELECT max(id) FROM kine WHERE id <= ?1 GROUP BY "
    "name))";
const std::string k_kine_window =
    "SELECT count(*), sum(size) FROM (SELECT deleted, length(name) + ifnull(length(value), 0)"
    " + ifnull(length(old_value), 0) AS size, row_number() OVER (PARTITION BY name ORDER BY id DESC) AS place"
    " FROM kine WHERE id <= ?1) WHERE place > 1 OR deleted";

// Etcd's classic rule on a native store: all up to ?1 but the newest of each key, and that too when it is a
// tombstone.
const std::string k_native_ranked =
    "(SELECT rowid AS r, tombstone, length(key) + ifnull(length(value), 0) AS size,"
    " row_number() OVER (PARTITION BY key ORDER BY main DESC, sub DESC) AS place FROM revision WHERE main <= "
    "?1)";

/// Reads each column of each row, as any reader of the store has to.
Work scan(const std::string& path, const std::string& sql, bool mmap) {
    Database db(path, false);
    if (mmap) {
        db.run("PRAGMA mmap_size = 1099511627776");
    }
    Statement rows(db, sql);
    Work work;
    const int columns = sqlite3_column_count(rows.handle());
    for (; rows.step(); ++work.rows) {
        for (int i = 0; i < columns; ++i) {
            switch (sqlite3_column_type(rows.handle(), i)) {
                case SQLITE_INTEGER:
                    work.bytes += sqlite3_column_int64(rows.handle(), i) & 7;
                    break;
                case SQLITE_BLOB:
                case SQLITE_TEXT:
                    if (sqlite3_column_blob(rows.handle(), i) != nullptr) {
                        work.bytes += sqlite3_column_bytes(rows.handle(), i);
                    }
                    break;
                default:
                    break;
            }
        }
    }
    return work;
}

Work count(const std::string& path, const std::string& sql, std::int64_t target) {
    const Database db(path, false);
    Statement rows(db, sql);
    rows.bind(target);
    if (!rows.step()) {
        throw std::runtime_error("no answer");
    }
    return {sqlite3_column_int64(rows.handle(), 0), sqlite3_column_int64(rows.handle(), 1)};
}

/// One compaction up to `target` in one transaction; `remove` has it as parameter 1, and so has `record`.
std::int64_t remove_in_transaction(Database& db, Statement& remove, Statement& record, std::int64_t target) {
    db.run("BEGIN IMMEDIATE");
    remove.bind(target);
    remove.step();
    const std::int64_t removed = sqlite3_changes64(db.handle());
    remove.reset();
    record.bind(target);
    record.step();
    record.reset();
    db.run("COMMIT");
    return removed;
}

void shrink(Database& db, const std::string& into) {
    if (into.empty()) {
        db.run("VACUUM");
    } else if (into != "-") {
        db.run("VACUUM INTO '" + into + "'");
    }
}

Work compact_kine(const std::string& path, std::int64_t target, std::int64_t batch, const std::string& into) {
    Database db(path, true);
    db.run("PRAGMA synchronous = NORMAL");  // kine's own setting
    Work work;
    {
        Statement remove(db, "DELETE FROM kine WHERE id IN " + k_kine_removed);
        Statement record(db, "UPDATE kine SET prev_revision = ?1 WHERE name = 'compact_rev_key'");
        for (std::int64_t done = 0; done < target;) {
            done = batch == 0 ? target : std::min(target, done + batch);
            work.rows += remove_in_transaction(db, remove, record, done);
        }
    }
    if (batch != 0) {
        db.run("PRAGMA wal_checkpoint(FULL)");
    }
    shrink(db, into);
    return work;
}

Work newest_of_each_name(const std::string& path) {
    Database db(path, true);
    db.run("DELETE FROM kine WHERE id NOT IN (SELECT max(id) FROM kine GROUP BY name)");
    const Work work{sqlite3_changes64(db.handle()), 0};
    shrink(db, "");
    return work;
}

Work compact_native(const std::string& path, std::int64_t target, const std::string& into) {
    Database db(path, true);
    Work work;
    {
        Statement remove(db, "DELETE FROM revision WHERE rowid IN (SELECT r FROM " + k_native_ranked +
                                 " WHERE place > 1 OR tombstone)");
        Statement record(db,
                         "INSERT OR REPLACE INTO meta VALUES ('scheduled_compact_rev', ?1),"
                         " ('finished_compact_rev', ?1)");
        work.rows = remove_in_transaction(db, remove, record, target);
    }
    shrink(db, into);
    return work;
}

Work vacuum_into(const std::string& path, const std::string& into) {
    Database db(path, true);
    shrink(db, into);
    return {};
}

/// Copies a file and waits until the disk has it: the floor below which nothing that writes a new file can
/// come.
Work copy(const std::string& from, const std::string& to) {
    const auto check = [](auto result, const std::string& path) {
        if (result < 0) {
            throw std::system_error(errno, std::generic_category(), path);
        }
        return result;
    };
    const int in = check(open(from.c_str(), O_RDONLY | O_CLOEXEC), from);
    const int out = check(open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), to);
    std::vector<char> buffer(1U << 20U);
    Work work;
    while (const ssize_t got = check(read(in, buffer.data(), buffer.size()), from)) {
        for (ssize_t put = 0; put < got;) {
            put += check(write(out, buffer.data() + put, static_cast<std::size_t>(got - put)), to);
        }
        work.bytes += got;
    }
    check(fsync(out), to);
    close(out);
    close(in);
    return work;
}

void put_number(std::string& out, std::int64_t value) {
    for (int shift = 0; shift < 64; shift += 8) {
        out += static_cast<char>((static_cast<std::uint64_t>(value) >> static_cast<unsigned>(shift)) & 0xffU);
    }
}

/// A native store's rows on stdout, for programs without SQLite: main, sub, tombstone, create revision,
/// version, lease, key length, value length as little-endian 64-bit numbers, then key and value.
Work dump(const std::string& path) {
    const Database db(path, false);
    Statement rows(db,
                   "SELECT main, sub, tombstone, create_revision, version, lease, key, value FROM revision"
                   " ORDER BY main, sub");
    std::string row;
    for (; rows.step();) {
        row.clear();
        for (int i = 0; i < 6; ++i) {
            put_number(row, sqlite3_column_int64(rows.handle(), i));
        }
        std::array<std::string_view, 2> blobs;
        for (int i = 0; i < 2; ++i) {
            const void* data = sqlite3_column_blob(rows.handle(), 6 + i);
            const int size = sqlite3_column_bytes(rows.handle(), 6 + i);
            blobs.at(static_cast<std::size_t>(i)) = {static_cast<const char*>(data),
                                                     static_cast<std::size_t>(size)};
            put_number(row, size);
        }
        row.append(blobs[0]).append(blobs[1]);
        std::cout.write(row.data(), static_cast<std::streamsize>(row.size()));
    }
    if (!std::cout.flush()) {
        throw std::runtime_error("cannot write");
    }
    return {};
}

const std::string k_native_columns = "main, sub, tombstone, key, create_revision, version, lease";
const std::string k_native_scan = "SELECT " + k_native_columns + ", length(value) FROM revision";
const std::string k_native_values = "SELECT " + k_native_columns + ", value FROM revision";
const std::string k_kine_scan =
    "SELECT id, name, created, deleted, create_revision, prev_revision, lease, length(value), "
    "length(old_value)"
    " FROM kine";
const std::string k_kine_values =
    "SELECT id, name, created, deleted, create_revision, prev_revision, lease, value FROM kine";

using Words = std::vector<std::string>;

Work integrity_check(const std::string& path) {
    const Database db(path, false);
    Statement rows(db, "PRAGMA integrity_check");
    Work work;
    while (rows.step()) ++work.rows;
    return work;
}

std::int64_t number(const std::string& text) {
    char* end = nullptr;
    const std::int64_t value = std::strtoll(text.c_str(), &end, 10);
    if (text.empty() || *end != '\0') {
        throw std::invalid_argument("not a number: " + text);
    }
    return value;
}

struct Contender {
    std::size_t operands;
    std::string usage;
    std::function<Work(const Words&)> run;
};

std::map<std::string, Contender> contenders() {
    return {
        {"scan-native", {1, "STORE", [](const Words& w) { return scan(w[0], k_native_scan, false); }}},
        {"scan-native-mmap", {1, "STORE", [](const Words& w) { return scan(w[0], k_native_scan, true); }}},
        {"scan-native-values",
         {1, "STORE", [](const Words& w) { return scan(w[0], k_native_values, false); }}},
        {"scan-native-values-mmap",
         {1, "STORE", [](const Words& w) { return scan(w[0], k_native_values, true); }}},
        {"scan-kine", {1, "STORE", [](const Words& w) { return scan(w[0], k_kine_scan, false); }}},
        {"scan-kine-mmap", {1, "STORE", [](const Words& w) { return scan(w[0], k_kine_scan, true); }}},
        {"scan-kine-values", {1, "STORE", [](const Words& w) { return scan(w[0], k_kine_values, false); }}},
        {"count-kine-set",
         {2, "STORE TARGET",
          [](const Words& w) {
              return count(w[0], "SELECT " + k_kine_size + " FROM kine WHERE id IN " + k_kine_removed,
                           number(w[1]));
          }}},
        {"count-kine-exists",
         {2, "STORE TARGET",
          [](const Words& w) {
              return count(
                  w[0],
                  "SELECT " + k_kine_size +
                      " FROM kine AS o WHERE (deleted != 0 AND id <= ?1) OR EXISTS (SELECT 1 FROM kine AS n"
                      " WHERE n.prev_revision = o.id AND n.prev_revision != 0 AND n.id <= ?1"
                      " AND n.name != 'compact_rev_key')",
                  number(w[1]));
          }}},
        {"count-kine-hand",
         {2, "STORE TARGET",
          [](const Words& w) { return count(w[0], "SELECT " + k_kine_size + k_kine_hand, number(w[1])); }}},
        {"count-kine-window",
         {2, "STORE TARGET", [](const Words& w) { return count(w[0], k_kine_window, number(w[1])); }}},
        {"count-native",
         {2, "STORE TARGET",
          [](const Words& w) {
              return count(
                  w[0],
                  "SELECT count(*), sum(size) FROM " + k_native_ranked + " WHERE place > 1 OR tombstone",
                  number(w[1]));
          }}},
        {"kine-set-vacuum",
         {2, "STORE TARGET", [](const Words& w) { return compact_kine(w[0], number(w[1]), 0, ""); }}},
        {"kine-set",
         {2, "STORE TARGET", [](const Words& w) { return compact_kine(w[0], number(w[1]), 0, "-"); }}},
        {"kine-set-vacuum-into",
         {3, "STORE TARGET NEW", [](const Words& w) { return compact_kine(w[0], number(w[1]), 0, w[2]); }}},
        {"kine-batches-vacuum",
         {2, "STORE TARGET",
          [](const Words& w) { return compact_kine(w[0], number(w[1]), k_kine_batch, ""); }}},
        {"newest-of-each-name-vacuum",
         {1, "STORE", [](const Words& w) { return newest_of_each_name(w[0]); }}},
        {"native-sql-vacuum",
         {2, "STORE TARGET", [](const Words& w) { return compact_native(w[0], number(w[1]), ""); }}},
        {"native-sql",
         {2, "STORE TARGET", [](const Words& w) { return compact_native(w[0], number(w[1]), "-"); }}},
        {"vacuum-into", {2, "STORE NEW", [](const Words& w) { return vacuum_into(w[0], w[1]); }}},
        {"integrity-check", {1, "STORE", [](const Words& w) { return integrity_check(w[0]); }}},
        {"copy", {2, "FILE NEW", [](const Words& w) { return copy(w[0], w[1]); }}},
        {"dump", {1, "STORE", [](const Words& w) { return dump(w[0]); }}},
    };
}

int run(const Words& arguments) {
    const auto all = contenders();
    const auto chosen = arguments.empty() ? all.end() : all.find(arguments.front());
    if (chosen == all.end() || arguments.size() != chosen->second.operands + 1) {
        const bool help = !arguments.empty() && arguments.front() == "--help";
        std::ostream& out = help ? std::cout : std::cerr;
        for (const auto& [name, contender] : all) {
            out << "kvctl_bench_contender " << name << ' ' << contender.usage << '\n';
        }
        return help ? 0 : 2;
    }
    const Work work = chosen->second.run({arguments.begin() + 1, arguments.end()});
    if (chosen->first != "dump") {
        std::cout << "{\"rows\":" << work.rows << ",\"bytes\":" << work.bytes << ",\"sqlite\":\""
                  << sqlite3_libversion() << "\"}\n";
    }
    return std::cout.flush() ? 0 : 1;
}

}  // namespace

}  // namespace kvctl::bench

int main(int argc, char** argv) {
    try {
        return kvctl::bench::run({argv + 1, argv + argc});
    } catch (const std::exception& error) {
        std::cerr << "kvctl_bench_contender: " << error.what() << '\n';
        return 1;
    }
}
