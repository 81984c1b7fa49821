#include <doctest/doctest.h>

#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include "kvctl/base/bytes.hpp"
#include "kvctl/sqlite/database.hpp"
#include "tests/support/check_refused.hpp"
#include "tests/support/kine_maker.hpp"
#include "tests/support/native_maker.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/sample_store.hpp"
#include "tests/support/sql.hpp"
#include "tests/support/temp_dir.hpp"

// A page with two uses: SQLite reads the file without a word, and overwrites one use for the other.
using namespace kvctl;
using namespace kvctl::test;

namespace {

constexpr std::size_t k_page = 4096;

std::uint32_t be32(const std::string& bytes, std::size_t at) {
    return kvctl::be32(reinterpret_cast<const unsigned char*>(bytes.data()) + at);
}

void set_be32(std::string& bytes, std::size_t at, std::uint32_t n) {
    for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(n >> (24 - 8 * i) & 0xFFU);
}

std::size_t start_of(std::uint32_t page) {
    return (page - 1) * k_page;
}

// Pages of a table or index, of one type: leaf, internal, overflow.
std::vector<std::uint32_t> pages_of(const std::string& path, const std::string& table,
                                    const std::string& type) {
    std::vector<std::uint32_t> pages;
    for (const std::string& n : query(path, "SELECT pageno FROM dbstat WHERE name = '" + table +
                                                "' AND pagetype = '" + type + "' ORDER BY pageno"))
        pages.push_back(static_cast<std::uint32_t>(std::stoul(n)));
    return pages;
}

std::string live_rows(const std::string& path) {
    const Result r = run_cli({"get", "", "--prefix", "-w", "jsonl", path});
    CHECK_MESSAGE(r.code == 0, r.err);
    return r.out.substr(0, r.out.rfind("\n{"));  // without the summary, which tells the compact revision
}

// A kine store with free pages and values that need pages of their own.
KineMaker make_store(const std::string& path) {
    KineMaker maker;
    for (int i = 0; i < 200; ++i)
        maker.put("/k" + std::to_string(i % 20), std::string(i % 5 == 0 ? 6000 : 600, 'v'));
    maker.write(path, {.wal = false,
                       .page_size = static_cast<int>(k_page),
                       .after = "CREATE TABLE junk (x); INSERT INTO junk SELECT zeroblob(40000) FROM kine"
                                " LIMIT 20; DROP TABLE junk"});
    return maker;
}

}  // namespace

TEST_CASE("page damage: a store is not written in place where a page has two uses") {
    struct Case {
        const char* name;
        std::string message;
        void (*damage)(const std::string& path, std::string& bytes);
    };
    const std::vector<Case> cases{
        {"a free page is one of the table's", "has two uses",
         [](const std::string& path, std::string& bytes) {
             const std::size_t trunk = start_of(be32(bytes, 32));
             REQUIRE(be32(bytes, trunk + 4) > 0);
             set_be32(bytes, trunk + 8, pages_of(path, "kine", "leaf").back());
         }},
        {"a free page is one of a large value's", "has two uses",
         [](const std::string& path, std::string& bytes) {
             const std::size_t trunk = start_of(be32(bytes, 32));
             set_be32(bytes, trunk + 8, pages_of(path, "kine", "overflow").back());
         }},
        {"the list of free pages runs in a circle", "has two uses",
         [](const std::string&, std::string& bytes) {
             const std::uint32_t trunk = be32(bytes, 32);
             set_be32(bytes, start_of(trunk), trunk);
         }},
        {"a free page is beyond the file", "is named, and there are",
         [](const std::string&, std::string& bytes) {
             set_be32(bytes, start_of(be32(bytes, 32)) + 8, 0x7FFFFFFF);
         }},
        {"more free pages than a page can name", "the list of free pages",
         [](const std::string&, std::string& bytes) {
             set_be32(bytes, start_of(be32(bytes, 32)) + 4, 5000);
         }},
        {"more free pages counted than listed", "the list of free pages",
         [](const std::string&, std::string& bytes) { set_be32(bytes, 36, be32(bytes, 36) + 1); }},
        {"two large values share a page", "has two uses",
         [](const std::string& path, std::string& bytes) {
             const std::vector<std::uint32_t> values = pages_of(path, "kine", "overflow");
             for (const std::uint32_t leaf : pages_of(path, "kine", "leaf")) {
                 for (std::size_t at = start_of(leaf); at < start_of(leaf) + k_page - 4; ++at) {
                     if (be32(bytes, at) != values[3]) continue;
                     set_be32(bytes, at, values[7]);
                     return;
                 }
             }
             FAIL("no row names the page");
         }},
        {"two tables begin on one page", "has two uses",
         [](const std::string& path, std::string& bytes) {
             sqlite::Database db = sqlite::Database::open(path, sqlite::Database::Mode::create);
             db.exec("PRAGMA writable_schema = ON");
             db.exec(
                 "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name ="
                 " 'kine') WHERE name = 'sqlite_sequence'");
             db.close();
             bytes = read_file(path);
         }},
    };
    for (const Case& c : cases) {
        CAPTURE(c.name);
        const TempDir folder;
        const std::string db = folder.file("s.db");
        const std::string few = std::to_string(make_store(db).current() / 20);
        const std::string many = std::to_string(make_store(folder.file("same.db")).current() / 2);
        std::string bytes = read_file(db);
        c.damage(db, bytes);
        write_file(db, bytes);
        check_refused(folder, {"compact", "--rev", few, "--strategy", "in-place"}, c.message);
        check_refused(folder, {"compact", "--rev", many, "--strategy", "in-place"}, c.message);
        check_refused(folder, {"compact", "--rev", many, "--batch", "5", "--backup", folder.file("b.db")},
                      c.message);
        if (c.name == cases[6].name) continue;  // one of the two values is lost already
        // A copy takes no page for free.
        const std::string live = live_rows(db);
        const Result copy = run_cli({"compact", "--rev", many, "-o", folder.file("copy.db"), db});
        CHECK_MESSAGE(copy.code == 0, copy.err);
        CHECK(live_rows(folder.file("copy.db")) == live);
    }
}

TEST_CASE("page damage: sound stores of every kind are written in place") {
    for (const char* const before : {"", "PRAGMA auto_vacuum = 1;", "PRAGMA auto_vacuum = 2;"}) {
        for (const int page_size : {512, 4096, 65536}) {
            for (const int reserved : {0, 32}) {
                CAPTURE(std::string(before));
                CAPTURE(page_size);
                CAPTURE(reserved);
                const TempDir folder;
                const std::string db = folder.file("s.db");
                // Past the second page of back pointers, where pages are small.
                make_native(db, long_history(600, 30, 500).row_list(),
                            {.page_size = page_size,
                             .reserved = reserved,
                             .before = before,
                             .after = "CREATE TABLE junk (x); INSERT INTO junk VALUES (zeroblob(300000));"
                                      "DROP TABLE junk"});
                for (const char* const rev : {"200", "500"}) {
                    const Result r = run_cli({"compact", "--rev", rev, "--strategy", "in-place", db});
                    CHECK_MESSAGE(r.code == 0, r.err);
                }
            }
        }
    }
}

TEST_CASE("page damage: a log is not replayed into a store whose free pages are in use") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    make_native(db, long_history(200, 10, 300).row_list(),
                {.page_size = static_cast<int>(k_page),
                 .after = "CREATE TABLE junk (x); INSERT INTO junk VALUES (zeroblob(40000)); DROP TABLE junk",
                 .meta = {{"consistent_index", 9}, {"term", 1}}});
    write_file(folder.file("log.jsonl"), R"({"format":"kvctl.raftlog/1","snapshot":{"index":9,"term":1},)"
                                         R"("hard_state":{"term":3,"vote":1,"commit":10}})"
                                         "\n"
                                         R"({"index":10,"term":3,"type":"EntryNormal","data":"IgYKAWESATE="})"
                                         "\n");
    std::string bytes = read_file(db);
    const std::string sound = bytes;
    set_be32(bytes, start_of(be32(bytes, 32)) + 8, pages_of(db, "revision", "leaf").back());
    write_file(db, bytes);
    check_refused(folder, {"replay", folder.file("log.jsonl")}, "has two uses");
    write_file(db, sound);
    const Result r = run_cli({"replay", folder.file("log.jsonl"), db});
    CHECK_MESSAGE(r.code == 0, r.err);
    CHECK(query_one(db, "SELECT max(main) FROM revision") == "202");
}

TEST_CASE("page damage: a journal that brings another page size back is no damage") {
    const TempDir folder;
    const std::string db = folder.file("s.db");
    (void)make_store(db);
    const std::string before = read_file(db);
    run_sql(db, "PRAGMA page_size = 8192; VACUUM");
    // What a VACUUM that was killed leaves: every page as it was, with a checksum.
    std::string journal("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8);
    journal.resize(512);
    const auto pages = static_cast<std::uint32_t>(before.size() / k_page);
    constexpr std::uint32_t k_nonce = 12345;
    const std::uint32_t head[] = {pages, k_nonce, pages, 512, static_cast<std::uint32_t>(k_page)};
    for (std::size_t i = 0; i < std::size(head); ++i) set_be32(journal, 8 + 4 * i, head[i]);
    for (std::uint32_t n = 1; n <= pages; ++n) {
        const std::string page = before.substr(start_of(n), k_page);
        std::uint32_t sum = k_nonce;
        for (std::size_t at = k_page - 200; at > 0 && at < k_page; at -= 200)
            sum += static_cast<unsigned char>(page[at]);
        std::string number(4, '\0');
        set_be32(number, 0, n);
        std::string check(4, '\0');
        set_be32(check, 0, sum);
        journal += number + page + check;
    }
    write_file(db + "-journal", journal);
    const Result r = run_cli({"compact", "--rev", "20", "--strategy", "in-place", db});
    CHECK_MESSAGE(r.code == 0, r.err);
    CHECK(query_one(db, "PRAGMA page_size") == "4096");
    CHECK(query_one(db, "PRAGMA integrity_check") == "ok");
}

TEST_CASE("page damage: a row whose length cannot be is damage, and no want of memory") {
    // The first cell of a leaf says that it holds 2^63 bytes and more.
    const auto lengthen = [](std::string& bytes, std::size_t page, std::size_t header) {
        const std::size_t first = page + header + 8;
        const std::size_t cell = page + (static_cast<unsigned char>(bytes[first]) << 8U |
                                         static_cast<unsigned char>(bytes[first + 1]));
        bytes.replace(cell, 9, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F");
    };
    for (const bool native : {false, true}) {
        for (const bool in_schema : {false, true}) {
            CAPTURE(native);
            CAPTURE(in_schema);
            const TempDir folder;
            const std::string db = folder.file("s.db");
            if (native) {
                make_native(db, long_history(600, 30, 500).row_list());
            } else {
                make_store(db);
            }
            std::string bytes = read_file(db);
            const std::string table = native ? "revision" : "kine";
            if (in_schema) {
                lengthen(bytes, 0, 100);
            } else {
                lengthen(bytes, start_of(pages_of(db, table, "leaf").front()), 0);
            }
            write_file(db, bytes);
            for (const std::vector<std::string>& args :
                 std::vector<std::vector<std::string>>{{"compact", "--rev", "100"},
                                                       {"compact", "--rev", "100", "-n"},
                                                       {"compact", "--rev", "100", "-o", folder.file("o.db")},
                                                       {"get", "", "--prefix"},
                                                       {"export"},
                                                       {"status"}})
                check_refused(folder, args);
            const Result found = run_cli({"check", db});
            CHECK_MESSAGE(found.code == (in_schema ? 6 : 3), found.out << found.err);
            const Result saved = run_cli({"import", "--salvage", "-o", folder.file("saved.db"), db});
            CHECK_MESSAGE(saved.code == (in_schema ? 6 : 3), saved.err);
        }
    }
}
