#include "kvctl/base/mapped_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "tests/support/temp_dir.hpp"

using kvctl::MappedFile;
using kvctl::WatchedPages;

namespace {

// Larger pages than 64 KiB are nowhere in use.
constexpr std::size_t k_page = 65536;

MappedFile map(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    MappedFile mapped(fd, std::filesystem::file_size(path), path);
    ::close(fd);
    return mapped;
}

}  // namespace

TEST_CASE("mapped file: what was cut off while it was mapped reads as zeros, and is told") {
    const kvctl::test::TempDir folder;
    const std::string path = folder.file("f");
    kvctl::test::write_file(path, std::string(3 * k_page, 'x'));
    const MappedFile whole = map(folder.file("f"));
    MappedFile cut = map(path);
    (void)WatchedPages::take_lost();
    CHECK(cut.bytes() == std::string(3 * k_page, 'x'));
    CHECK_FALSE(cut.lost());
    std::filesystem::resize_file(path, k_page);
    CHECK(cut.bytes()[k_page - 1] == 'x');
    CHECK_FALSE(cut.lost());
    CHECK(cut.bytes()[2 * k_page] == '\0');
    CHECK(cut.lost());
    CHECK_FALSE(whole.lost());
    CHECK(std::count(cut.bytes().begin(), cut.bytes().end(), 'x') == k_page);
    const MappedFile moved = std::move(cut);
    CHECK(moved.lost());
    CHECK(WatchedPages::take_lost() == path);
    CHECK_FALSE(WatchedPages::take_lost());
}

TEST_CASE("mapped file: a loss is told though the mapping is gone and others came after it") {
    const kvctl::test::TempDir folder;
    const std::string path = folder.file("f");
    kvctl::test::write_file(path, std::string(2 * k_page, 'x'));
    kvctl::test::write_file(folder.file("g"), "abc");
    (void)WatchedPages::take_lost();
    {
        const MappedFile cut = map(path);
        std::filesystem::resize_file(path, 0);
        CHECK(cut.bytes()[0] == '\0');
    }
    for (int i = 0; i < 3; ++i) CHECK(map(folder.file("g")).bytes() == "abc");
    CHECK(WatchedPages::take_lost() == path);
    CHECK_FALSE(WatchedPages::take_lost());
}

TEST_CASE(
    "mapped file: more of them than the handler can tell apart, and a descriptor that cannot be mapped") {
    const kvctl::test::TempDir folder;
    kvctl::test::write_file(folder.file("f"), "abc");
    std::vector<MappedFile> many;
    for (int i = 0; i < 100; ++i) many.push_back(map(folder.file("f")));
    for (const MappedFile& m : many) CHECK(m.bytes() == "abc");
    CHECK_THROWS_AS(MappedFile(-1, 1, ""), std::system_error);
}

TEST_CASE("mapped file: of two watches over the same pages both see the loss, and one excuses both") {
    const kvctl::test::TempDir folder;
    const std::string path = folder.file("f");
    kvctl::test::write_file(path, std::string(2 * k_page, 'x'));
    const MappedFile mapped = map(path);
    (void)WatchedPages::take_lost();
    const WatchedPages again(mapped.bytes(), "the same");
    std::filesystem::resize_file(path, k_page);
    CHECK(mapped.bytes()[k_page] == '\0');
    CHECK(mapped.lost());
    CHECK(again.lost());
    again.excuse();
    CHECK_FALSE(WatchedPages::take_lost());
}
