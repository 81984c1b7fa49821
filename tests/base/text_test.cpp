#include "kvctl/base/text.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace kvctl;

TEST_CASE("bytes: IEC units, one decimal, never 1024 of a unit") {
    struct Row {
        std::uint64_t bytes;
        std::string text;
    };
    for (const Row& row : {
             Row{0, "0 B"},
             Row{1023, "1,023 B"},
             Row{1024, "1.0 KiB"},
             Row{1536, "1.5 KiB"},
             Row{1048575, "1.0 MiB"},
             Row{1572864, "1.5 MiB"},
             Row{3221225472, "3.0 GiB"},
             Row{1099511627775, "1.0 TiB"},
             Row{18446744073709551615ULL, "16.0 EiB"},
         }) {
        CHECK(format_bytes(row.bytes) == row.text);
    }
}

TEST_CASE("bytes: the exact number behind") {
    CHECK(format_bytes_exact(1) == "1 byte");
    CHECK(format_bytes_exact(512) == "512 bytes");
    CHECK(format_bytes_exact(1572864) == "1.5 MiB (1,572,864 bytes)");
}

TEST_CASE("digits: in groups of three") {
    CHECK(group_digits(std::uint64_t{0}) == "0");
    CHECK(group_digits(std::uint64_t{999}) == "999");
    CHECK(group_digits(std::uint64_t{1000}) == "1,000");
    CHECK(group_digits(std::int64_t{-1234567}) == "-1,234,567");
    CHECK(group_digits(std::numeric_limits<std::int64_t>::min()) == "-9,223,372,036,854,775,808");
}
