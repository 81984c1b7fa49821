#include <doctest/doctest.h>

#include <random>

#include "kvctl/dqlite/crc.hpp"
#include "tests/support/dqlite_maker.hpp"

using namespace kvctl;

TEST_CASE("dqlite crc: most significant bit first, begun with 0, never inverted") {
    CHECK(dqlite::crc32("") == 0);
    CHECK(dqlite::crc32("123456789") == 0x89A1897F);
}

TEST_CASE("dqlite crc: bytes taken many at a time give what a bit at a time does, in one piece or several") {
    std::mt19937 dice(7);
    std::string bytes(300, '\0');
    for (char& c : bytes) c = static_cast<char>(dice());
    for (std::size_t n = 0; n <= bytes.size(); ++n) {
        const std::string part = bytes.substr(0, n);
        REQUIRE(dqlite::crc32(part) == test::slow_dqlite_crc(part));
        REQUIRE(dqlite::crc32(part.substr(n / 3), dqlite::crc32(part.substr(0, n / 3))) ==
                dqlite::crc32(part));
    }
}
