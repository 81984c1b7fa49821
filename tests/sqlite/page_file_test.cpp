#include "kvctl/sqlite/page_file.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kvctl/base/mapped_file.hpp"
#include "kvctl/sqlite/database.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

using kvctl::WatchedPages;
using kvctl::sqlite::Database;
using kvctl::sqlite::PageFile;

namespace {

constexpr const char* k_rows =
    "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
    "INSERT INTO t SELECT randomblob(700) FROM n;";

std::string store(const kvctl::test::TempDir& folder, const std::string& page_size) {
    const std::string path = folder.file("s.db");
    kvctl::test::run_sql(path, "PRAGMA page_size = " + page_size + "; CREATE TABLE t (a);" + k_rows);
    return path;
}

std::string read(const PageFile& file, std::uint32_t first, std::uint32_t count) {
    std::string bytes(std::size_t{count} * file.page_size(), '\0');
    CHECK(file.read(first, count, reinterpret_cast<unsigned char*>(bytes.data())));
    return bytes;
}

std::optional<std::string> mapped(const PageFile& file, std::uint32_t first, std::uint32_t count) {
    const unsigned char* const bytes = file.mapped(first, count);
    if (bytes == nullptr) return std::nullopt;
    return std::string(reinterpret_cast<const char*>(bytes), std::size_t{count} * file.page_size());
}

}  // namespace

TEST_CASE("page file: what is mapped is what is read, and may be given back and read again") {
    for (const char* page_size : {"512", "4096", "65536"}) {
        for (const Database::Mode mode : {Database::Mode::read, Database::Mode::lockless}) {
            CAPTURE(page_size);
            const kvctl::test::TempDir folder;
            const Database db = Database::open(store(folder, page_size), mode);
            const std::optional<PageFile> file = PageFile::of(db);
            REQUIRE(file);
            const std::uint32_t all = file->pages() - 1;  // a newer SQLite holds the last one back
            const std::string whole = read(*file, 1, all);
            CHECK(mapped(*file, 1, all) == whole);
            file->give_back(1, all + 1);
            file->give_back(2, 4);
            CHECK(mapped(*file, 1, all) == whole);
            CHECK(mapped(*file, 2, 3) == read(*file, 2, 3));
            CHECK_FALSE(file->mapped(0, 1));
            CHECK_FALSE(file->mapped(all, 3));
            CHECK_FALSE(file->lost());
        }
    }
}

TEST_CASE("page file: a page that stands in the -wal is not mapped") {
    const kvctl::test::TempDir folder;
    const std::string path = store(folder, "4096");
    const Database writer = Database::open(path, Database::Mode::write);
    CHECK(writer.text("PRAGMA journal_mode = wal") == "wal");
    writer.exec("PRAGMA wal_autocheckpoint = 0");
    writer.exec("UPDATE t SET a = zeroblob(700) WHERE rowid = 400");
    const Database db = Database::open(path, Database::Mode::lockless);
    const std::optional<PageFile> file = PageFile::of(db);
    REQUIRE(file);
    std::size_t in_wal = 0;
    for (std::uint32_t page = 1; page < file->pages(); ++page) {
        const auto direct = mapped(*file, page, 1);
        in_wal += direct ? 0 : 1;
        if (direct) CHECK(*direct == read(*file, page, 1));
    }
    CHECK(in_wal > 0);
    CHECK(in_wal < 4);
    CHECK_FALSE(file->mapped(1, file->pages() - 1));
}

TEST_CASE("page file: what was cut off is lost, and told by whoever reads it again") {
    const kvctl::test::TempDir folder;
    const std::string path = store(folder, "4096");
    (void)WatchedPages::take_lost();
    const Database db = Database::open(path, Database::Mode::lockless);
    {
        std::optional<PageFile> file = PageFile::of(db);
        REQUIRE(file);
        std::filesystem::resize_file(path, 65536);
        const PageFile moved = *std::move(file);
        CHECK(mapped(moved, 100, 1) == std::string(4096, '\0'));
        CHECK(moved.lost());
    }
    CHECK_FALSE(WatchedPages::take_lost());
    // SQLite's own reads do not go through a map that is gone.
    CHECK_THROWS(db.text("SELECT sum(length(a)) FROM t"));
    CHECK_FALSE(WatchedPages::take_lost());
}
