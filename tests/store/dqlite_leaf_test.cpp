#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>

#include "kvctl/store/dqlite/leaf.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::test;
using store::LeafValue;

namespace {

// A table whose rows take from a few bytes to several pages each.
std::string make_database(const std::string& path, int page_size) {
    run_sql(path,
            "PRAGMA page_size = " + std::to_string(page_size) +
                "; CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, n INTEGER, value BLOB);"
                "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 300)"
                "INSERT INTO t SELECT i, 'k' || i, CASE i % 7 WHEN 0 THEN NULL WHEN 1 THEN 0 WHEN 2 THEN 1 "
                "WHEN 3 THEN -i ELSE i * i * i * i * 1000003 END, "
                "CASE WHEN i % 5 = 0 THEN NULL ELSE CAST(substr(replace(hex(zeroblob(3200)), 0, char(97 + i "
                "% 26)), 1, 1 + i * i * 7 % 6000) AS BLOB) END FROM c");
    return read_file(path);
}

store::PageSource pages_of(const std::string& file, std::size_t page_size) {
    return [&file, page_size](std::uint32_t page) -> std::optional<std::string_view> {
        if (page == 0 || page * page_size > file.size()) return std::nullopt;
        return std::string_view(file).substr((page - 1) * page_size, page_size);
    };
}

// As query() has it: each value as an SQL literal.
std::string text_of(const store::LeafRow& row) {
    const auto& v = row.values;
    const std::string number = v[2].type == LeafValue::Type::null ? "NULL" : std::to_string(v[2].integer);
    std::string hex;
    for (const char c : v[3].bytes) {
        constexpr const char* k_digits = "0123456789ABCDEF";
        hex += k_digits[static_cast<unsigned char>(c) >> 4];
        hex += k_digits[static_cast<unsigned char>(c) & 15];
    }
    return std::to_string(row.rowid) + "|'" + v[1].bytes + "'|" + number + "|'" + hex + "'";
}

}  // namespace

TEST_CASE("dqlite leaf: rows read off single pages are those that SQLite reads, overflow included") {
    for (const int page_size : {512, 1024, 4096}) {
        CAPTURE(page_size);
        const TempDir folder;
        const std::string file = make_database(folder.file("db"), page_size);
        const auto size = static_cast<std::size_t>(page_size);
        const store::PageSource source = pages_of(file, size);
        std::map<std::int64_t, std::string> found;
        for (std::uint32_t page = 2; page * size <= file.size(); ++page) {
            const store::LeafRows leaf = store::read_leaf(*source(page), source);
            CHECK(leaf.incomplete == 0);
            for (const store::LeafRow& row : leaf.rows) {
                if (row.values.size() == 4) found[row.rowid] = text_of(row);
            }
        }
        const auto wanted = query(folder.file("db"), "SELECT id, name, n, hex(value) FROM t ORDER BY id");
        REQUIRE(found.size() == wanted.size());
        std::size_t i = 0;
        for (const auto& [id, row] : found) CHECK(row == wanted[i++]);
    }
}

TEST_CASE("dqlite leaf: a row whose overflow is not to be had is left out, and no damage is followed") {
    const TempDir folder;
    const std::string file = make_database(folder.file("db"), 512);
    const store::PageSource none = [](std::uint32_t) { return std::nullopt; };
    std::size_t incomplete = 0;
    std::mt19937 random(5);
    for (std::size_t at = 512; at + 512 <= file.size(); at += 512) {
        const store::LeafRows leaf = store::read_leaf(file.substr(at, 512), none);
        incomplete += leaf.incomplete;
        for (const store::LeafRow& row : leaf.rows) CHECK(row.values.back().bytes.size() < 512);
        std::string damaged = file.substr(at, 512);
        for (int i = 0; i < 20; ++i) {
            damaged[random() % 64] = static_cast<char>(random());
            for (const store::LeafRow& row : store::read_leaf(damaged, pages_of(file, 512)).rows)
                CHECK(row.values.size() <= 64);
        }
    }
    CHECK(incomplete > 100);
}
