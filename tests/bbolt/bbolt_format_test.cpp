#include "kvctl/bbolt/format.hpp"

#include <doctest/doctest.h>

#include <string>

#include "kvctl/base/bytes.hpp"
#include "kvctl/bbolt/sha256.hpp"
#include "tests/support/bbolt_image.hpp"

using namespace kvctl;
using namespace kvctl::bbolt;

namespace {

std::string to_hex(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
        const auto b = static_cast<unsigned char>(c);
        text += {"0123456789abcdef"[b >> 4], "0123456789abcdef"[b & 15]};
    }
    return text;
}

std::string from_hex(const std::string& text) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        bytes.push_back(static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16)));
    }
    return bytes;
}

}  // namespace

TEST_CASE("bbolt format: a meta written by bbolt decodes, and any flipped byte breaks its checksum") {
    const std::string page = from_hex(
        "01000000000000000400000000000000edda0ced020000000010000000000000"
        "02000000000000000000000000000000ffffffffffffffff0500000000000000"
        "0b000000000000006f5b00b9a5f82014");
    std::string_view fault;
    const auto meta = decode_meta(page, fault);
    REQUIRE(meta);
    CHECK(meta->page_size == 4096);
    CHECK(meta->root == PageId{2});
    CHECK(meta->freelist == k_no_freelist);
    CHECK(meta->high_water == PageId{5});
    CHECK(meta->txid == 11);
    for (std::size_t i = k_page_header; i < page.size(); ++i) {
        CAPTURE(i);
        std::string broken = page;
        broken[i] = static_cast<char>(broken[i] ^ 0x10);
        CHECK_FALSE(decode_meta(broken, fault));
        CHECK_FALSE(fault.empty());
    }
    for (std::size_t size = 0; size < page.size(); ++size)
        CHECK_FALSE(decode_meta(page.substr(0, size), fault));
}

TEST_CASE("bbolt format: page sizes are powers of two from 1 KiB on") {
    for (const std::uint64_t size : {1024U, 4096U, 16384U, 65536U}) CHECK(is_page_size(size));
    for (const std::uint64_t size : {0U, 1U, 512U, 1023U, 4095U, 4097U, 6144U})
        CHECK_FALSE(is_page_size(size));
}

TEST_CASE("bbolt format: a file is recognised by either meta, and nothing else is") {
    for (const std::size_t size : {1024U, 4096U, 65536U}) {
        CAPTURE(size);
        test::BboltImage image;
        image.page_size = size;
        image.buckets["key"].emplace("a", "b");
        std::string bytes = image.build();
        CHECK(looks_like_bbolt(bytes));
        test::patch(bytes, 16, std::string(8, '\0'));
        CHECK(looks_like_bbolt(bytes));
        test::patch(bytes, size + 16, std::string(8, '\0'));
        CHECK_FALSE(looks_like_bbolt(bytes));
    }
    CHECK_FALSE(looks_like_bbolt(""));
    CHECK_FALSE(looks_like_bbolt("SQLite format 3"));
    CHECK_FALSE(looks_like_bbolt(std::string(100000, '\0')));
}

TEST_CASE("sha256: the standard's examples, and every length around a block") {
    CHECK(to_hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(to_hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(to_hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(to_hex(sha256(std::string(1000000, 'a'))) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    CHECK(to_hex(sha256(std::string(55, 'a'))) ==
          "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
    CHECK(to_hex(sha256(std::string(56, 'a'))) ==
          "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
    CHECK(to_hex(sha256(std::string(64, 'a'))) ==
          "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

TEST_CASE("sha256: with the CPU's own instructions the same as without") {
    std::string bytes;
    for (int i = 0; i < 300; ++i) {
        CAPTURE(i);
        CHECK(sha256(bytes) == sha256_portable(bytes));
        bytes.push_back(static_cast<char>(i * 37 + i / 7));
    }
    for (int i = 0; i < 13; ++i) bytes += bytes;
    CHECK(sha256(bytes) == sha256_portable(bytes));
}
