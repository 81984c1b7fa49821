#include "kvctl/base/crc32c.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>

using namespace kvctl;

namespace {

std::string random_bytes(std::mt19937& random, std::size_t size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    return bytes;
}

// The definition, a bit at a time.
std::uint32_t crc_by_bits(std::string_view bytes) {
    std::uint32_t crc = 0xFFFFFFFF;
    for (const char c : bytes) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
    }
    return ~crc;
}

}  // namespace

TEST_CASE("crc32c: published values (RFC 3720, B.4)") {
    std::string up;
    std::string down;
    for (int i = 0; i < 32; ++i) up += static_cast<char>(i), down += static_cast<char>(31 - i);
    struct Row {
        std::string name;
        std::string bytes;
        std::uint32_t crc;
    };
    for (const Row& row :
         {Row{"empty", "", 0}, Row{"check", "123456789", 0xE3069283},
          Row{"zeros", std::string(32, '\0'), 0x8A9136AA}, Row{"ones", std::string(32, '\xFF'), 0x62A8AB43},
          Row{"rising", up, 0x46DD794E}, Row{"falling", down, 0x113FDB5C}}) {
        CAPTURE(row.name);
        CHECK(crc32c(0, row.bytes) == row.crc);
        CHECK(crc32c_portable(0, row.bytes) == row.crc);
    }
}

TEST_CASE("crc32c: the CPU's and the table's agree with the definition at every length and alignment") {
    std::mt19937 random(2);
    const std::string bytes = random_bytes(random, 300);
    for (std::size_t from = 0; from < 9; ++from) {
        for (std::size_t size = 0; size < 70; ++size) {
            const std::string_view part = std::string_view(bytes).substr(from, size);
            REQUIRE(crc32c(0, part) == crc_by_bits(part));
            REQUIRE(crc32c_portable(0, part) == crc_by_bits(part));
        }
    }
}

TEST_CASE("crc32c: bytes handed over in pieces give the CRC of the whole") {
    std::mt19937 random(3);
    const std::string bytes = random_bytes(random, 1000);
    for (std::size_t cut = 0; cut <= bytes.size(); cut += 37) {
        const std::string_view a = std::string_view(bytes).substr(0, cut);
        const std::string_view b = std::string_view(bytes).substr(cut);
        CHECK(crc32c(crc32c(0, a), b) == crc32c(0, bytes));
        CHECK(crc32c_portable(crc32c(0, a), b) == crc32c(0, bytes));
        CHECK(crc32c_combine(crc32c(0, a), crc32c(0, b), b.size()) == crc32c(0, bytes));
    }
}

TEST_CASE("crc32c_combine: a long second part without having it") {
    // 2^34 zero bytes behind "a", by doubling: combining equals appending, so it may stand in for it.
    const std::uint32_t a = crc32c(0, "a");
    std::uint32_t zeros = crc32c(0, std::string_view("\0", 1));
    std::uint64_t length = 1;
    for (; length < (std::uint64_t{1} << 34); length *= 2) zeros = crc32c_combine(zeros, zeros, length);
    const std::uint32_t at_once = crc32c_combine(a, zeros, length);
    std::uint32_t half = crc32c(0, std::string_view("\0", 1));
    for (std::uint64_t n = 1; n < length / 2; n *= 2) half = crc32c_combine(half, half, n);
    CHECK(crc32c_combine(crc32c_combine(a, half, length / 2), half, length / 2) == at_once);
}
