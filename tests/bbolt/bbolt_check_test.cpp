#include "kvctl/bbolt/check.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "kvctl/bbolt/sha256.hpp"
#include "tests/support/bbolt_image.hpp"
#include "tests/support/real_data.hpp"

using namespace kvctl;
using namespace kvctl::bbolt;
using test::BboltImage;
using test::TempFile;

namespace {

BboltImage sample() {
    BboltImage image;
    image.page_size = 1024;
    image.max_elements = 6;
    image.free_pages = 4;
    image.store_freelist = true;
    image.buckets["meta"]["consistent_index"] = std::string(8, '\1');
    for (int i = 100; i < 400; ++i)
        image.buckets["key"][std::to_string(i)] = std::string(i == 250 ? 3000 : 30, 'v');
    return image;
}

Findings check(const std::string& bytes, PageUse* use = nullptr) {
    const TempFile path(bytes);
    const File file(path.path());
    Findings findings;
    const PageUse found = check_structure(file, findings, nullptr);
    if (use != nullptr) *use = found;
    return findings;
}

std::string codes(const Findings& findings) {
    std::string text;
    for (const Finding& f : findings) {
        if (text.find(f.code) == std::string::npos) text += (text.empty() ? "" : " ") + f.code;
    }
    return text;
}

}  // namespace

TEST_CASE("bbolt check: a sound file has no findings, and all its pages are accounted for") {
    BboltImage image = sample();
    PageUse use;
    const std::string bytes = image.build();
    CHECK(check(bytes, &use).empty());
    CHECK(use.pages == image.pages());
    CHECK(use.free == 4);
    CHECK(use.unused == 0);
    CHECK(use.reachable + use.free == use.pages);
    CHECK(use.buckets == 2);
    CHECK(use.elements == 301);
    CHECK(check(bytes + sha256(bytes)).empty());

    image.store_freelist = false;
    CHECK(check(image.build(), &use).empty());
    CHECK(use.free == 0);
    CHECK(use.unused == 4);
}

TEST_CASE("bbolt check: real files are sound") {
    for (const test::RealData& data : test::real_data()) {
        CAPTURE(data.name);
        const File file(data.db);
        Findings findings;
        const PageUse use = check_structure(file, findings, nullptr);
        CHECK(findings.empty());
        std::uint64_t elements = 0;
        for (const auto& [name, count] : data.expected["db"]["bucket_counts"].items()) {
            elements += count.get<std::uint64_t>();
        }
        CHECK(use.elements == elements);
        CHECK(use.buckets == data.expected["db"]["bucket_counts"].size());
    }
}

TEST_CASE("bbolt check: each damage is found and named for what it is") {
    BboltImage image = sample();
    const std::string good = image.build();
    const std::uint64_t top = image.root_of("key");
    const std::vector<std::uint64_t> leaves = image.pages_with(k_leaf_page);
    const std::vector<std::uint64_t> branches = image.pages_with(k_branch_page);
    const std::uint64_t leaf = leaves[3];
    const auto data_of = [&](std::uint64_t id, std::size_t i) {
        const std::size_t e = image.element_at(id, i);
        return e + load_u32(good.data() + e + 4);
    };
    const auto at = [](std::uint64_t id, std::size_t offset) { return id * 1024 + offset; };
    struct Row {
        const char* name;
        std::size_t at;
        std::string bytes;
        const char* codes;
    };
    const Row rows[] = {
        {"older meta's checksum", at(0, 16 + 56), std::string(8, 'x'), "bbolt-meta"},
        {"newer meta's checksum", at(1, 16 + 56), std::string(8, 'x'), "bbolt-meta"},
        {"meta page's flags", at(0, 8), test::le16(2), "bbolt-meta"},
        {"leaf below a branch emptied", at(leaf, 10), test::le16(0), "bbolt-page"},
        {"count one less", at(leaf, 10), test::le16(5), "bbolt-page"},
        {"count of a branch one more", at(branches[0], 10), test::le16(7), "bbolt-page bbolt-unused"},
        {"page id", at(leaf, 0), test::le64(leaf + 1), "bbolt-page bbolt-unused"},
        {"child twice", image.element_at(branches[0], 1) + 8, test::le64(leaves[0]),
         "bbolt-page-twice bbolt-unused"},
        {"child is the bucket's root", image.element_at(branches[0], 1) + 8, test::le64(top),
         "bbolt-page-twice bbolt-unused"},
        {"child beyond the file", image.element_at(branches[0], 1) + 8, test::le64(1 << 20),
         "bbolt-page bbolt-unused"},
        {"keys out of order", data_of(leaf, 2), "1", ""},
        {"key above its range", data_of(leaf, 5), "9", "bbolt-key-range"},
        {"key below its range", data_of(leaf, 0), "0", "bbolt-key-range"},
        {"key equal to the one before", data_of(leaf, 1), good.substr(data_of(leaf, 0), 3),
         "bbolt-key-order"},
        {"free page in use", at(image.freelist(), 16), test::le64(leaf), "bbolt-freelist bbolt-unused"},
        {"free page twice", at(image.freelist(), 16), test::le64(3), "bbolt-freelist bbolt-unused"},
        {"free page that does not exist", at(image.freelist(), 16), test::le64(1 << 30),
         "bbolt-freelist bbolt-unused"},
        {"freelist that is too long", at(image.freelist(), 10), test::le16(0xFFFE),
         "bbolt-freelist bbolt-unused"},
        {"freelist of another kind", at(image.freelist(), 8), test::le16(2), "bbolt-freelist bbolt-unused"},
    };
    for (const Row& row : rows) {
        CAPTURE(std::string(row.name));
        std::string bytes = good;
        test::patch(bytes, row.at, row.bytes);
        const Findings findings = check(bytes);
        CHECK(codes(findings) == row.codes);
        if (!findings.empty()) CHECK(findings[0].where.find("/db") != std::string::npos);
    }
    CHECK(codes(check(good + std::string(32, 'x'))) == "bbolt-digest");
}

TEST_CASE("bbolt check: metas of two transactions that follow one another are sound in either order") {
    struct Row {
        const char* name;
        std::uint64_t first;
        std::uint64_t second;
        const char* codes;
    };
    const Row rows[] = {
        {"a commit at an odd transaction", 10, 11, ""}, {"a commit at an even one", 12, 11, ""},
        {"a snapshot at an odd one", 11, 10, ""},       {"a snapshot at an even one", 12, 11, ""},
        {"the same twice", 11, 11, "bbolt-meta"},       {"two apart", 11, 9, "bbolt-meta"},
    };
    for (const Row& row : rows) {
        CAPTURE(std::string(row.name));
        std::string bytes = sample().build();
        for (const std::size_t page : {0U, 1U}) {
            test::patch(bytes, page * 1024 + 16 + 48, test::le64(page == 0 ? row.first : row.second));
            test::seal_meta(bytes, page, 1024);
        }
        CHECK(codes(check(bytes)) == row.codes);
    }
}

TEST_CASE("bbolt check: a broken meta is told with the transaction that is read and the one that is not") {
    BboltImage image = sample();
    const std::string good = image.build();
    const auto what = [&](std::size_t page) {
        std::string bytes = good;
        test::patch(bytes, page * 1024 + 16 + 56, test::le64(1));
        const Findings findings = check(bytes);
        REQUIRE(findings.size() == 1);
        return findings[0].what;
    };
    CHECK(what(1) ==
          "as of transaction 10; transaction 11 is unreadable (page 1: the checksum does not match)");
    CHECK(what(0) ==
          "as of transaction 11; the meta of the one before is unreadable (page 0: the checksum "
          "does not match)");
}

TEST_CASE("bbolt check: a length that is neither whole pages nor pages and a digest is a finding") {
    const std::string pages = sample().build();
    const std::string snapshot = pages + sha256(pages);
    const auto what = [&](const std::string& bytes) {
        const Findings findings = check(bytes);
        CHECK(codes(findings) == "bbolt-length");
        return findings.empty() ? "" : findings[0].what;
    };
    const std::string size = std::to_string(pages.size() / 1024) + " pages and ";
    CHECK(what(snapshot.substr(0, snapshot.size() - 5)) ==
          "a snapshot cut short in the SHA-256 at its end: " + size + "27 bytes of 32 are there");
    CHECK(what(pages + "\n").starts_with(size + "1 byte long, neither whole pages nor"));
    CHECK(what(snapshot + "tail").starts_with(size + "36 bytes long, neither"));
}

TEST_CASE("bbolt check: a file damaged throughout yields a bounded list that says how much it leaves out") {
    BboltImage image = sample();
    image.max_elements = 2;
    std::string bytes = image.build();
    const std::size_t leaves = image.pages_with(k_leaf_page).size() - 1;
    REQUIRE(leaves > 100);
    for (const std::uint64_t id : image.pages_with(k_leaf_page)) {
        if (id != image.root()) test::patch(bytes, id * 1024 + 8, test::le16(0x20));
    }
    const Findings findings = check(bytes);
    CHECK(findings.size() == FindingLog::k_kept_per_code + 1);
    bool counted = false;
    for (const Finding& f : findings)
        counted = counted || f.what == std::to_string(leaves - 20) + " more like these";
    CHECK(counted);
}
