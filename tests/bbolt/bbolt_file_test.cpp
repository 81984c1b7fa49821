#include "kvctl/bbolt/file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <string>

#include "kvctl/bbolt/sha256.hpp"
#include "tests/support/bbolt_image.hpp"

using namespace kvctl;
using namespace kvctl::bbolt;
using test::BboltImage;
using test::TempFile;

namespace {

BboltImage small_image(std::size_t page_size = 4096) {
    BboltImage image;
    image.page_size = page_size;
    image.buckets["key"].emplace("a", "1");
    image.buckets["big"]["k"] = std::string(3 * page_size, 'v');
    return image;
}

ErrorKind kind_of_opening(const std::string& bytes, std::string* message = nullptr) {
    const TempFile file(bytes);
    try {
        const File opened(file.path());
    } catch (const Error& e) {
        if (message != nullptr) *message = e.what();
        CHECK(std::string(e.what()).find(file.path()) == 0);
        return e.kind();
    }
    return ErrorKind::internal;  // it opened
}

constexpr ErrorKind k_opened = ErrorKind::internal;

}  // namespace

TEST_CASE("bbolt file: the valid meta with the larger transaction id wins, at every page size") {
    for (const std::size_t size : {1024U, 4096U, 8192U, 16384U, 32768U, 65536U}) {
        for (const std::uint64_t txid : {10U, 11U}) {
            CAPTURE(size);
            CAPTURE(txid);
            BboltImage image = small_image(size);
            image.txid = txid;
            std::string bytes = image.build();
            {
                const TempFile path(bytes);
                const File file(path.path());
                CHECK(file.page_size() == size);
                CHECK(file.meta().txid == txid);
                CHECK(file.pages() == image.pages());
                CHECK_FALSE(file.has_digest());
                CHECK(file.bucket("key"));
                CHECK(file.bucket("big")->root == PageId{image.root_of("big")});
                CHECK_FALSE(file.bucket("absent"));
            }
            // Without its checksum the newer one does not count, whichever page it is on.
            test::patch(bytes, (txid % 2) * size + 16 + 56, std::string(8, 'x'));
            const TempFile path(bytes);
            const File file(path.path());
            CHECK(file.page_size() == size);
            CHECK(file.meta().txid == txid - 1);
            CHECK(file.bucket("key"));
        }
    }
}

TEST_CASE("bbolt file: what is no bbolt file, or too broken, is refused by name") {
    const std::string good = small_image().build();
    CHECK(kind_of_opening(good) == k_opened);
    CHECK(kind_of_opening("") == ErrorKind::not_a_store);
    CHECK(kind_of_opening("no database at all") == ErrorKind::not_a_store);
    CHECK(kind_of_opening(std::string(1 << 20, '\0')) == ErrorKind::not_a_store);

    std::string both = good;
    test::patch(both, 16 + 56, std::string(8, 'x'));
    test::patch(both, 4096 + 16 + 56, std::string(8, 'x'));
    CHECK(kind_of_opening(both) == ErrorKind::damaged);

    std::string message;
    CHECK(kind_of_opening(good.substr(0, good.size() - 4096), &message) == ErrorKind::damaged);
    CHECK(message.find("cut short") != std::string::npos);
    CHECK(kind_of_opening(good.substr(0, 4096), &message) == ErrorKind::damaged);
    CHECK(kind_of_opening(good.substr(0, 50), &message) == ErrorKind::damaged);

    CHECK_THROWS_AS(File("/nonexistent/db"), Error);
    const TempFile in_folder("x");
    CHECK_THROWS_WITH_AS(File(in_folder.folder()), doctest::Contains("is not a regular file"), Error);
}

TEST_CASE("bbolt file: a snapshot's digest is taken off and compared") {
    const std::string pages = small_image().build();
    const std::string snapshot = pages + sha256(pages);
    {
        const TempFile path(snapshot);
        const File file(path.path());
        CHECK(file.has_digest());
        CHECK(file.digest_matches());
        CHECK(file.data().size() == pages.size());
        CHECK(file.file_bytes() == snapshot.size());
    }
    std::string broken = snapshot;
    broken[pages.size() - 1] = static_cast<char>(broken[pages.size() - 1] ^ 1);
    const TempFile path(broken);
    CHECK_FALSE(File(path.path()).digest_matches());
}

TEST_CASE("bbolt file: a page is checked when it is asked for") {
    struct Row {
        const char* name;
        std::size_t at;  // in the page
        std::string bytes;
        const char* fault;
    };
    const Row rows[] = {
        {"id", 0, test::le64(9), "carries the id 9"},
        {"flags", 8, test::le16(0x10), "neither a leaf nor a branch page (flags 0x10)"},
        {"both flags", 8, test::le16(0x03), "neither a leaf nor a branch page"},
        {"count", 10, test::le16(60000), "does not fit"},
        {"count of none", 10, test::le16(0), "something stands behind its 0 elements"},
        {"overflow", 12, test::le32(0xFFFFFFFF), "behind the last one"},
        {"pos", 16 + 4, test::le32(0xFFFFFFF0), "reaches out of the page"},
        {"pos into the table", 16 + 4, test::le32(2), "overlaps"},
        {"key size", 16 + 8, test::le32(0xFFFFFFFF), "reaches out of the page"},
        {"empty key", 16 + 8, test::le32(0), "has an empty key"},
        {"value size", 16 + 12, test::le32(0xFFFFFFFF), "reaches out of the page"},
        {"pos behind its place", 16 + 4, test::le32(17), "leaves a gap"},
        {"unknown flags", 16, test::le32(2), "unknown flags (0x2)"},
    };
    BboltImage image = small_image();
    const std::string good = image.build();
    const std::uint64_t page = image.root_of("big");
    for (const Row& row : rows) {
        CAPTURE(std::string(row.name));
        std::string bytes = good;
        test::patch(bytes, page * 4096 + row.at, row.bytes);
        const TempFile path(bytes);
        const File file(path.path());
        CHECK_THROWS_WITH_AS((void)file.page(PageId{page}), doctest::Contains(row.fault), PageError);
    }
    const TempFile path(good);
    const File file(path.path());
    CHECK(file.page(PageId{page}).bytes().size() == 4 * 4096);
    for (const std::uint64_t id : {std::uint64_t{0}, std::uint64_t{1}, image.pages(), ~std::uint64_t{0}}) {
        CHECK_THROWS_WITH_AS((void)file.page(PageId{id}), doctest::Contains("pages run from 2 to"),
                             PageError);
    }
}

TEST_CASE("bbolt file: another process's lock is noticed, ours keeps a server out while we read") {
    const TempFile path(small_image().build());
    const int fd = ::open(path.path().c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(fd >= 0);
    REQUIRE(::flock(fd, LOCK_EX | LOCK_NB) == 0);
    CHECK(File(path.path()).locked());
    REQUIRE(::flock(fd, LOCK_UN) == 0);
    {
        const File file(path.path());
        CHECK_FALSE(file.locked());
        CHECK(::flock(fd, LOCK_EX | LOCK_NB) != 0);
    }
    CHECK(::flock(fd, LOCK_EX | LOCK_NB) == 0);
    ::close(fd);
}

TEST_CASE("bbolt file: a commit made while the file is open is noticed") {
    BboltImage image = small_image();
    std::string bytes = image.build();
    const TempFile path(bytes);
    const File file(path.path());
    CHECK_FALSE(file.changed());
    test::patch(bytes, 16 + 48, test::le64(image.txid + 1));
    test::seal_meta(bytes, 0, 4096);
    const int fd = ::open(path.path().c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(::pwrite(fd, bytes.data(), 4096, 0) == 4096);
    ::close(fd);
    CHECK(file.changed());
}

TEST_CASE("bbolt file: free pages are known from a stored freelist, and only from one") {
    BboltImage image = small_image();
    image.free_pages = 5;
    image.unused_pages = 2;
    {
        const TempFile path(image.build());
        CHECK_FALSE(File(path.path()).stored_free_pages());
    }
    image.store_freelist = true;
    const TempFile path(image.build());
    CHECK(File(path.path()).stored_free_pages() == 7);
}
