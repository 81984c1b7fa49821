#include "kvctl/bbolt/cursor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/support/bbolt_image.hpp"

using namespace kvctl;
using namespace kvctl::bbolt;
using test::BboltImage;
using test::TempFile;

namespace {

std::string key_of(int i) {
    std::string digits = std::to_string(i);
    return "key-" + std::string(5 - digits.size(), '0') + digits;
}

// Keys key-00000, key-00002, …: odd numbers are between them.
BboltImage tall_image(std::size_t page_size, int rows, std::size_t max_elements) {
    BboltImage image;
    image.page_size = page_size;
    image.max_elements = max_elements;
    image.buckets["other"].emplace("x", "y");
    image.buckets["key"];
    for (int i = 0; i < rows; ++i) {
        // Every seventh value takes pages of its own.
        image.buckets["key"][key_of(2 * i)] =
            std::string(i % 7 == 0 ? 2 * page_size : 20, static_cast<char>('a' + i % 26));
    }
    return image;
}

std::vector<std::string> walk(const File& file, FindingLog* log = nullptr) {
    std::vector<std::string> keys;
    Cursor cursor(file, *file.bucket("key"), log);
    for (bool more = cursor.first(); more; more = cursor.next()) keys.emplace_back(cursor.key());
    return keys;
}

}  // namespace

TEST_CASE("bbolt cursor: walks, seeks and ends alike over inline, flat and tall buckets") {
    struct Row {
        const char* name;
        std::size_t page_size;
        int rows;
        std::size_t max_elements;
    };
    const Row rows[] = {{"empty", 4096, 0, 0},         {"inline, one", 65536, 1, 0},
                        {"one leaf", 4096, 3, 0},      {"two levels", 1024, 40, 0},
                        {"many levels", 1024, 200, 2}, {"large pages", 65536, 500, 0},
                        {"three a page", 4096, 99, 3}};
    for (const Row& row : rows) {
        CAPTURE(std::string(row.name));
        BboltImage image = tall_image(row.page_size, row.rows, row.max_elements);
        const TempFile path(image.build());
        const File file(path.path());
        Cursor cursor(file, *file.bucket("key"));

        int n = 0;
        for (bool more = cursor.first(); more; more = cursor.next(), ++n) {
            REQUIRE(cursor.key() == key_of(2 * n));
            REQUIRE(cursor.value() == image.buckets["key"][key_of(2 * n)]);
        }
        CHECK(n == row.rows);
        CHECK(cursor.key().empty());
        CHECK_FALSE(cursor.next());

        CHECK(cursor.last() == (row.rows != 0));
        if (row.rows != 0) CHECK(cursor.key() == key_of(2 * (row.rows - 1)));
        CHECK_FALSE(cursor.next());

        for (int i = -1; i <= 2 * row.rows; ++i) {
            const std::string target = i < 0 ? "a" : key_of(i);
            const int found = (i + 1) / 2;
            CAPTURE(target);
            REQUIRE(cursor.seek(target) == (found < row.rows));
            if (found >= row.rows) continue;
            REQUIRE(cursor.key() == key_of(2 * found));
            REQUIRE(cursor.next() == (found + 1 < row.rows));
            if (found + 1 < row.rows) REQUIRE(cursor.key() == key_of(2 * found + 2));
        }
    }
}

TEST_CASE("bbolt cursor: counts the pages it enters") {
    BboltImage image = tall_image(1024, 200, 4);
    const TempFile path(image.build());
    const File file(path.path());
    Cursor cursor(file, *file.bucket("key"));
    for (bool more = cursor.first(); more;) more = cursor.next();
    // Metas and the root leaf apart, all pages belong to this bucket.
    CHECK(cursor.pages_entered() == image.pages() - 3);
}

TEST_CASE("bbolt cursor: a broken leaf is told and skipped, the rest is read") {
    BboltImage image = tall_image(1024, 60, 5);
    const std::string good = image.build();
    const std::vector<std::uint64_t> leaves = image.pages_with(k_leaf_page);
    for (const std::uint64_t id : leaves) {
        if (id == image.root()) continue;
        CAPTURE(id);
        std::string bytes = good;
        const std::size_t lost = load_u16(bytes.data() + id * 1024 + 10);
        test::patch(bytes, id * 1024, test::le64(id + 1));
        const TempFile path(bytes);
        const File file(path.path());
        CHECK_THROWS_AS((void)walk(file), PageError);
        FindingLog log;
        CHECK(walk(file, &log).size() == 60 - lost);
        const Findings findings = log.take();
        REQUIRE(findings.size() == 1);
        CHECK(findings[0].code == "bbolt-page");
        CHECK(findings[0].where == path.path() + ": page " + std::to_string(id));
    }
}

TEST_CASE("bbolt cursor: last() goes back over broken and empty leaves") {
    BboltImage image = tall_image(1024, 60, 5);
    std::string bytes = image.build();
    const std::vector<std::uint64_t> leaves = image.pages_with(k_leaf_page);
    // The root leaf stands behind the others; the two before it hold the newest keys.
    const std::uint64_t newest = leaves[leaves.size() - 3];
    REQUIRE(leaves.back() == image.root());
    test::patch(bytes, leaves[leaves.size() - 2] * 1024 + 8, test::le16(0x77));
    test::patch(bytes, newest * 1024 + 10, test::le16(0));
    const TempFile path(bytes);
    const File file(path.path());
    FindingLog log;
    Cursor cursor(file, *file.bucket("key"), &log);
    REQUIRE(cursor.last());
    const std::string last(cursor.key());
    CHECK(last == walk(file, &log).back());
    CHECK_THROWS_AS(Cursor(file, *file.bucket("key")).last(), PageError);
}

TEST_CASE("bbolt cursor: pages that lead back to themselves end the walk") {
    BboltImage image = tall_image(1024, 400, 3);
    const std::string good = image.build();
    const std::vector<std::uint64_t> branches = image.pages_with(k_branch_page);
    REQUIRE(branches.size() > 10);
    const std::uint64_t top = image.root_of("key");
    for (const std::uint64_t id : branches) {
        CAPTURE(id);
        std::string bytes = good;
        for (std::size_t i = 0; i < 3; ++i) test::patch(bytes, image.element_at(id, i) + 8, test::le64(top));
        const TempFile path(bytes);
        const File file(path.path());
        FindingLog log;
        const std::vector<std::string> keys = walk(file, &log);
        CHECK(keys.size() < 400);
        CHECK(std::set<std::string>(keys.begin(), keys.end()).size() == keys.size());
        CHECK_FALSE(log.empty());
        Cursor cursor(file, *file.bucket("key"), &log);
        cursor.last();
        for (int i = 0; i < 800; i += 37) cursor.seek(key_of(i));
    }
}

TEST_CASE("bbolt cursor: a page that reaches over others by its overflow is not read") {
    BboltImage image = tall_image(1024, 60, 5);
    std::string bytes = image.build();
    const std::uint64_t first = image.pages_with(k_leaf_page).front();
    const std::uint64_t span = image.pages() - first;
    test::patch(bytes, first * 1024 + 12, test::le32(span - 1));
    const TempFile path(bytes);
    const File file(path.path());
    FindingLog log;
    // What it reaches over is no padding, so none of it is taken for its own.
    CHECK(walk(file, &log).size() == 60 - load_u16(bytes.data() + first * 1024 + 10));
    CHECK_FALSE(log.empty());
}

TEST_CASE("bbolt cursor: broken inline buckets are told") {
    struct Row {
        const char* name;
        std::size_t at;
        std::string bytes;
    };
    const Row rows[] = {{"branch", 8, test::le16(k_branch_page)},
                        {"count", 10, test::le16(300)},
                        {"count of none", 10, test::le16(0)},
                        {"key size", 16 + 8, test::le32(70000)},
                        {"value size", 16 + 12, test::le32(0)}};
    BboltImage image = tall_image(4096, 1, 0);
    image.buckets["key"] = {{"a", "b"}};
    const std::string good = image.build();
    const std::size_t page = good.find("key", image.root() * 4096) + 3 + k_bucket_header;
    for (const Row& row : rows) {
        CAPTURE(std::string(row.name));
        std::string bytes = good;
        test::patch(bytes, page + row.at, row.bytes);
        const TempFile path(bytes);
        const File file(path.path());
        CHECK_THROWS_WITH_AS((void)walk(file), doctest::Contains("holds an inline bucket that"), PageError);
        FindingLog log;
        CHECK(walk(file, &log).empty());
        CHECK(log.take().size() == 1);
    }
}

TEST_CASE("bbolt cursor: skipping ahead ends where steps do, and enters fewer pages") {
    for (const std::size_t max_elements : {std::size_t{0}, std::size_t{2}, std::size_t{5}}) {
        CAPTURE(max_elements);
        constexpr int k_rows = 120;
        const TempFile path(tall_image(1024, k_rows, max_elements).build());
        const File file(path.path());
        for (int from = 0; from < k_rows; from += 7) {
            for (int to = 0; to <= 2 * k_rows; to += 3) {
                Cursor cursor(file, *file.bucket("key"));
                REQUIRE(cursor.seek(key_of(2 * from)));
                const std::uint64_t before = cursor.pages_entered();
                const int expected = std::max(from + 1, (to + 1) / 2);
                CAPTURE(from);
                CAPTURE(to);
                REQUIRE(cursor.skip_to(key_of(to)) == (expected < k_rows));
                if (expected < k_rows) CHECK(cursor.key() == key_of(2 * expected));
                if (from == 0 && max_elements == 2) CHECK(cursor.pages_entered() - before < 40);
                int rest = expected;
                for (bool more = expected < k_rows; more; more = cursor.next(), ++rest)
                    REQUIRE(cursor.key() == key_of(2 * rest));
                CHECK(rest == std::max(expected, k_rows));
            }
        }
    }
}
