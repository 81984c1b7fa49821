#include "kvctl/bbolt/writer.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <random>
#include <string>

#include "kvctl/base/error.hpp"
#include "kvctl/bbolt/check.hpp"
#include "kvctl/bbolt/cursor.hpp"
#include "kvctl/bbolt/tree_size.hpp"
#include "tests/support/temp_dir.hpp"

using namespace kvctl;
using namespace kvctl::bbolt;

namespace {

// What a bucket is to hold.
struct Wanted {
    std::uint64_t sequence = 0;
    std::map<std::string, std::string> values;
    std::map<std::string, Wanted> buckets;
    friend bool operator==(const Wanted&, const Wanted&) = default;
};

void write(FileWriter& writer, const Wanted& b) {
    auto value = b.values.begin();
    auto bucket = b.buckets.begin();
    while (value != b.values.end() || bucket != b.buckets.end()) {
        if (bucket == b.buckets.end() || (value != b.values.end() && value->first < bucket->first)) {
            writer.add(value->first, value->second);
            ++value;
        } else {
            writer.begin_bucket(bucket->first, bucket->second.sequence);
            write(writer, bucket->second);
            writer.end_bucket();
            ++bucket;
        }
    }
}

// Pages below, and the size of the parent's element.
TreeSize::Result size_of(const Wanted& b, std::uint64_t page_size, bool root) {
    TreeSize size(page_size, root);
    std::uint64_t below = 0;
    auto value = b.values.begin();
    for (const auto& [name, child] : b.buckets) {
        for (; value != b.values.end() && value->first < name; ++value)
            size.add(value->first.size(), value->second.size());
        const TreeSize::Result r = size_of(child, page_size, false);
        below += r.pages;
        size.add(name.size(), r.value_bytes, true);
    }
    for (; value != b.values.end(); ++value) size.add(value->first.size(), value->second.size());
    TreeSize::Result r = size.finish();
    r.pages += below;
    return r;
}

Wanted read(const File& file, const Bucket& bucket) {
    Wanted found;
    found.sequence = bucket.sequence;
    Cursor c(file, bucket);
    for (bool more = c.first(); more; more = c.next()) {
        const std::string key(c.key());
        if (c.is_bucket()) {
            found.buckets[key] = read(file, file.decode_bucket(c.value(), c.page()));
        } else {
            found.values[key] = c.value();
        }
    }
    return found;
}

std::string write_file(const test::TempDir& dir, const Wanted& root, const FileHead& head,
                       std::uint64_t& bytes) {
    const std::string path = dir.file("db");
    ::unlink(path.c_str());
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
    REQUIRE(fd >= 0);
    FileWriter writer(fd, path, head);
    write(writer, root);
    bytes = writer.finish();
    ::close(fd);
    return path;
}

// Written, measured, read back and checked.
void check_round_trip(const Wanted& root, std::uint64_t page_size, std::uint64_t txid) {
    const test::TempDir dir(test::fast_folder());
    std::uint64_t bytes = 0;
    const std::string path = write_file(dir, root, {page_size, txid, root.sequence}, bytes);
    CHECK(std::filesystem::file_size(path) == bytes);
    CHECK(bytes == (3 + size_of(root, page_size, true).pages) * page_size);
    const File file(path);
    CHECK(file.page_size() == page_size);
    CHECK(file.meta().txid == txid + 2);
    CHECK(file.pages() == file.meta().high_water.value());
    CHECK((read(file, file.root()) == root));
    Findings findings;
    const PageUse use = check_structure(file, findings, nullptr);
    for (const Finding& f : findings) FAIL_CHECK(f.code << ": " << f.where << ": " << f.what);
    CHECK(use.reachable == use.pages);
    CHECK(use.free == 0);
}

std::string text(std::mt19937_64& random, std::size_t size) {
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>('a' + random() % 26);
    return out;
}

Wanted random_bucket(std::mt19937_64& random, std::uint64_t page_size, int depth) {
    Wanted b;
    b.sequence = random() % 3;
    const std::size_t count = random() % 3 == 0 ? random() % 5 : random() % 400;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t scale = random() % 60 == 0  ? 5 * page_size
                                    : random() % 6 == 0 ? page_size / 3
                                                        : 40;
        b.values[text(random, 1 + random() % (random() % 40 == 0 ? page_size : 20))] =
            text(random, random() % scale);
    }
    for (int i = 0; depth > 0 && i < 3; ++i)
        b.buckets["b" + text(random, 3)] = random_bucket(random, page_size, depth - 1);
    for (const auto& [name, bucket] : b.buckets) b.values.erase(name);
    return b;
}

}  // namespace

TEST_CASE("bbolt writer: what was written is read back, in the size that was foretold") {
    std::mt19937_64 random(20);
    for (int i = 0; i < 60; ++i) {
        CAPTURE(i);
        const std::uint64_t page_size = std::uint64_t{1024} << random() % 4;
        check_round_trip(random_bucket(random, page_size, 2), page_size, random() % 9);
    }
}

TEST_CASE("bbolt writer: a file without buckets has one empty leaf as its root") {
    check_round_trip({}, 4096, 7);
}

TEST_CASE("bbolt writer: an empty bucket stays, inline") {
    Wanted root;
    root.buckets["alarm"];
    root.buckets["key"].sequence = 3;
    check_round_trip(root, 4096, 7);
}

TEST_CASE("bbolt writer: a bucket stands inline up to a quarter of a page, and not with a bucket in it") {
    // 16 of the page's header, 16 of the element's, 3 of the key.
    for (const auto& [size, pages] : std::map<std::size_t, std::uint64_t>{{1024 - 35, 0}, {1024 - 34, 1}}) {
        CAPTURE(size);
        Wanted b;
        b.values["key"] = std::string(size, 'x');
        CHECK(size_of(b, 4096, false).pages == pages);
        CHECK(size_of(b, 4096, false).value_bytes == (pages == 0 ? 16 + 1024 : 16));
    }
    Wanted outer;
    outer.buckets["inner"];
    CHECK(size_of(outer, 4096, false).pages == 1);
}

TEST_CASE("bbolt writer: a page is filled as far as the next element fits") {
    Wanted b;
    for (int i = 0; i < 254; ++i) b.values[std::to_string(100 + i)] = std::string(13, 'v');
    // 4096 = 16 + 127 * 32 + 16: half an element is left over on each of the two leaves.
    CHECK(size_of(b, 4096, false).pages == 3);
    b.values["999"] = std::string(13, 'v');
    CHECK(size_of(b, 4096, false).pages == 4);
}

TEST_CASE("bbolt writer: an element larger than a page has pages of its own, whatever stands around it") {
    Wanted root;
    Wanted& b = root.buckets["key"];
    b.values["a"] = "small";
    b.values["b"] = std::string(3 * 4096 - 16 - 16 - 1, 'L');  // three pages to the byte
    b.values["c"] = std::string(3 * 4096 - 16 - 16, 'L');      // a byte more: four
    b.values["d"] = "small";
    CHECK(size_of(b, 4096, false).pages == 1 + 3 + 4 + 1 + 1);
    check_round_trip(root, 4096, 1);
}

TEST_CASE("bbolt writer: keys longer than a page do not make levels without end") {
    Wanted root;
    for (char c = 'a'; c <= 'z'; ++c) root.buckets["k"].values[std::string(5000, c)] = "v";
    check_round_trip(root, 4096, 1);
}

TEST_CASE("bbolt writer: the two metas are of consecutive transactions, each on the page bbolt would use") {
    for (const std::uint64_t txid : {6U, 7U}) {
        const test::TempDir dir;
        std::uint64_t bytes = 0;
        const File file(write_file(dir, {}, {4096, txid, 0}, bytes));
        for (std::uint64_t page : {0U, 1U}) {
            const auto& meta = file.metas()[page];
            REQUIRE(meta);
            CHECK(meta->txid % 2 == page);
            CHECK(meta->txid > txid);
            CHECK(meta->txid <= txid + 2);
            CHECK(meta->root == file.meta().root);
        }
        CHECK(file.stored_free_pages() == 0);
    }
}

TEST_CASE("bbolt writer: a key that does not ascend is refused") {
    const test::TempDir dir;
    const std::string path = dir.file("db");
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT, 0600);
    FileWriter writer(fd, path, {});
    writer.add("b", "");
    for (const char* key : {"a", "b"}) {
        try {
            writer.add(key, "");
            FAIL("taken");
        } catch (const Error& e) {
            CHECK(e.kind() == ErrorKind::damaged);
        }
    }
    ::close(fd);
}

TEST_CASE("bbolt writer: a full disk is an error of the disk") {
    const int fd = ::open("/dev/full", O_WRONLY);
    if (fd < 0) return;
    FileWriter writer(fd, "full", {});
    CHECK_THROWS_AS((void)writer.finish(), Error);
    ::close(fd);
}
