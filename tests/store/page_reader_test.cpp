#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "kvctl/sqlite/database.hpp"
#include "kvctl/sqlite/page_file.hpp"
#include "kvctl/store/open.hpp"
#include "tests/support/both_readers.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

// A table's rows, taken from its pages: the same as SQLite's, or SQLite is asked.
using namespace kvctl;
using namespace kvctl::test;

namespace {

BothReaders read(const std::string& path) {
    const auto store = store::open_store(path, {});
    const bool kine = store->info().layout == store::Layout::kine;
    return read_both_ways(*store, kine ? mvcc::kine_rules() : mvcc::classic_rules());
}

void check_taken_from_pages(const std::string& path) {
    const BothReaders both = read(path);
    CHECK(both.from_pages);
    CHECK(both.difference == "");
}

void check_left_to_sqlite(const std::string& path) {
    const BothReaders both = read(path);
    CHECK_FALSE(both.from_pages);
}

std::vector<naive::Row> rows_of(const naive::Store& store) {
    std::vector<naive::Row> rows;
    for (const auto& [revision, row] : store.rows()) rows.push_back(row);
    return rows;
}

KineMaker wide_kine(int rows, std::size_t value_bytes) {
    KineMaker maker;
    for (int i = 0; i < rows; ++i)
        maker.put("/registry/pods/default/pod-" + std::to_string(i % 700), std::string(value_bytes, 'v'));
    return maker;
}

}  // namespace

TEST_CASE("page reader: kine stores of every age, small and large pages, packed and split by deletes") {
    for (const KineAge age : k_kine_ages) {
        for (const int page_size : {512, 4096, 65536}) {
            CAPTURE(page_size);
            const TempDir folder;
            KineMaker maker = random_kine(11, 900, age == KineAge::v0_1);
            maker.write(folder.file("s.db"), {.age = age, .wal = false, .page_size = page_size});
            check_taken_from_pages(folder.file("s.db"));
            run_sql(folder.file("s.db"),
                    "DELETE FROM kine WHERE id % 7 < 3 AND id > 40; DELETE FROM kine "
                    "WHERE id BETWEEN 300 AND 600;");
            check_taken_from_pages(folder.file("s.db"));
        }
    }
}

TEST_CASE("page reader: three levels of pages, and chunks on two threads") {
    const TempDir folder;
    wide_kine(14000, 300).write(folder.file("s.db"), {.wal = false, .page_size = 512});
    check_taken_from_pages(folder.file("s.db"));
}

TEST_CASE("page reader: values in overflow pages are not needed, names there are") {
    const TempDir folder;
    wide_kine(300, 9000).write(folder.file("values.db"), {.wal = false});
    check_taken_from_pages(folder.file("values.db"));
    KineMaker names;
    names.put("/" + std::string(3000, 'n'), std::string(3000, 'v'));
    names.write(folder.file("names.db"), {.wal = false});
    check_left_to_sqlite(folder.file("names.db"));
}

TEST_CASE("page reader: bytes reserved at the end of each page, and an auto-vacuum file") {
    const TempDir folder;
    wide_kine(2000, 200).write(folder.file("reserved.db"), {.wal = false, .reserved = 32});
    check_taken_from_pages(folder.file("reserved.db"));
    wide_kine(2000, 200).write(folder.file("vacuum.db"),
                               {.wal = false, .before = "PRAGMA auto_vacuum=FULL;"});
    check_taken_from_pages(folder.file("vacuum.db"));
}

TEST_CASE("page reader: a native store in and out of order, and one of each integer's length") {
    for (const bool shuffled : {false, true}) {
        const TempDir folder;
        make_native(folder.file("s.db"), rows_of(long_history(3000, 40)), {.shuffled = shuffled});
        check_taken_from_pages(folder.file("s.db"));
    }
    const TempDir folder;
    make_native(folder.file("s.db"), {}, {});
    std::string sql;
    std::int64_t main = 0;
    for (const std::int64_t step :
         {1LL, 100LL, 127LL, 128LL, 32767LL, 32768LL, 8388607LL, 8388608LL, 2147483647LL, 2147483648LL,
          140737488355327LL, 140737488355328LL, 4611686018427387904LL}) {
        main = step;
        sql += "INSERT INTO revision VALUES(" + std::to_string(main) + ", 0, 0, x'61', " +
               std::to_string(main) + ", 1, " + std::to_string(-main) + ", zeroblob(3));";
    }
    run_sql(folder.file("s.db"), sql);
    check_taken_from_pages(folder.file("s.db"));
}

TEST_CASE("page reader: frames of a -wal lie over the file's pages") {
    const TempDir folder;
    wide_kine(2000, 100).write(folder.file("s.db"));
    // A process that is killed leaves its -wal: the copy of both files while it lives has one.
    {
        sqlite::Database db = sqlite::Database::open(folder.file("s.db"), sqlite::Database::Mode::write);
        db.exec("PRAGMA wal_autocheckpoint=0");
        db.exec("UPDATE kine SET value = zeroblob(700) WHERE id % 9 = 0");
        db.exec("DELETE FROM kine WHERE id BETWEEN 900 AND 1200 AND name <> 'compact_rev_key'");
        db.exec("BEGIN; DELETE FROM kine WHERE id < 500");
        write_file(folder.file("t.db"), read_file(folder.file("s.db")));
        write_file(folder.file("t.db-wal"), read_file(folder.file("s.db-wal")));
    }
    REQUIRE(read_file(folder.file("t.db-wal")).size() > 100000);
    check_taken_from_pages(folder.file("t.db"));
    // Cut anywhere, what is whole up to the last commit counts.
    const std::string wal = read_file(folder.file("t.db-wal"));
    for (const std::size_t size : {std::size_t{0}, std::size_t{20}, std::size_t{32}, std::size_t{5000},
                                   wal.size() / 2, wal.size() - 1}) {
        CAPTURE(size);
        write_file(folder.file("t.db-wal"), wal.substr(0, size));
        check_taken_from_pages(folder.file("t.db"));
    }
}

TEST_CASE("page reader: what SQLite would convert is left to it") {
    for (const std::string change :
         {"UPDATE kine SET value = 'text' WHERE id = (SELECT max(id) FROM kine WHERE deleted = 0)",
          "UPDATE kine SET value = 5 WHERE id = (SELECT max(id) FROM kine WHERE deleted = 0)",
          "UPDATE kine SET deleted = 0.5 WHERE id = (SELECT max(id) FROM kine WHERE deleted = 0)",
          "UPDATE kine SET prev_revision = x'31' WHERE id = (SELECT max(id) FROM kine WHERE deleted = 0)",
          "ALTER TABLE kine ADD COLUMN more INTEGER DEFAULT 7; ALTER TABLE kine "
          "DROP COLUMN old_value; ALTER TABLE kine ADD COLUMN old_value BLOB"}) {
        CAPTURE(change);
        const TempDir folder;
        random_kine(5, 200, false).write(folder.file("s.db"), {.wal = false});
        run_sql(folder.file("s.db"), change);
        check_left_to_sqlite(folder.file("s.db"));
    }
    const TempDir folder;
    random_kine(5, 200, false)
        .write(folder.file("s.db"), {.wal = false, .before = "PRAGMA encoding='UTF-16le';"});
    check_left_to_sqlite(folder.file("s.db"));
}

TEST_CASE("page reader: with bits flipped anywhere it agrees with SQLite or leaves the store to it") {
    const TempDir folder;
    const std::string path = folder.file("s.db");
    random_kine(3, 260, false).write(path, {.wal = false, .page_size = 512});
    const std::string sound = read_file(path);
    std::mt19937 random(20261130);
    int taken = 0;
    for (int i = 0; i < 3000; ++i) {
        std::string bytes = sound;
        const std::size_t at = 100 + random() % (bytes.size() - 100);
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
        write_file(path, bytes);
        CAPTURE(at);
        try {
            const BothReaders both = read(path);
            CHECK(both.difference == "");
            taken += both.from_pages ? 1 : 0;
        } catch (const Error& e) {
            CHECK(e.kind() != ErrorKind::internal);
        }
    }
    CHECK(taken > 300);
}
