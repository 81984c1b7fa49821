#include "tests/support/sql.hpp"

#include <cstdint>

#include "kvctl/sqlite/database.hpp"
#include "tests/support/data.hpp"
#include "tests/support/temp_dir.hpp"

namespace kvctl::test {
namespace {

using sqlite::Database;
using sqlite::Type;

std::string literal(const sqlite::Statement& s, int column) {
    const std::string bytes(s.bytes(column));
    switch (s.type(column)) {
        case Type::integer:
            return std::to_string(s.integer(column));
        case Type::null:
            return "NULL";
        case Type::blob: {
            std::string hex = "x'";
            for (const char c : bytes) {
                hex += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
                hex += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
            }
            return hex + "'";
        }
        default:
            return "'" + bytes + "'";
    }
}

}  // namespace

void run_sql(const std::string& path, const std::string& sql) {
    Database db = Database::open(path, Database::Mode::create);
    db.exec(sql);
    db.close();
}

void run_script(const std::string& path, const std::string& script) {
    run_sql(path, read_file(testdata("stores/" + script)));
}

std::vector<std::string> query(const std::string& path, const std::string& sql) {
    const Database db = Database::open(path, Database::Mode::lockless);
    std::vector<std::string> rows;
    sqlite::Statement s = db.prepare(sql);
    while (s.step()) {
        std::string line;
        for (int i = 0; i < s.column_count(); ++i) line += (i > 0 ? "|" : "") + literal(s, i);
        rows.push_back(std::move(line));
    }
    return rows;
}

std::string query_one(const std::string& path, const std::string& sql) {
    const Database db = Database::open(path, Database::Mode::lockless);
    return db.text(sql).value_or("NULL");
}

}  // namespace kvctl::test
