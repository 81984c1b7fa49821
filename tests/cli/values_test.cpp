#include "tools/values.hpp"

#include <doctest/doctest.h>

#include "tests/support/check_error.hpp"

using namespace kvctl;
using namespace kvctl::cli;
using namespace std::chrono_literals;
using test::check_error;

TEST_CASE("revision: from 0 to 2^63-1") {
    CHECK(parse_revision("--rev", "0") == MainRevision{0});
    CHECK(parse_revision("--rev", "-0") == MainRevision{0});
    CHECK(parse_revision("--rev", "007") == MainRevision{7});
    CHECK(parse_revision("--rev", "9223372036854775807") == MainRevision{9223372036854775807});
}

TEST_CASE("revision: anything else is a usage error that repeats what was given") {
    struct Row {
        std::string text;
        std::string part;
    };
    for (const Row& row : {
             Row{"-1", "--rev: '-1' is negative"},
             Row{"-9223372036854775809", "is negative"},
             Row{"9223372036854775808", "'9223372036854775808' is above the largest revision"},
             Row{"99999999999999999999999", "is above the largest revision"},
             Row{"", "'' is not a whole number"},
             Row{"-", "is not a whole number"},
             Row{"+1", "is not a whole number"},
             Row{" 1", "is not a whole number"},
             Row{"1 ", "is not a whole number"},
             Row{"1.0", "is not a whole number"},
             Row{"1e3", "is not a whole number"},
             Row{"0x10", "is not a whole number"},
             Row{"seven", "is not a whole number"},
             Row{"1\n", "'1\\n' is not a whole number"},
         }) {
        check_error(ErrorKind::usage, row.part, [&] { (void)parse_revision("--rev", row.text); });
    }
}

TEST_CASE("numbers: 64 bits, signed and not") {
    CHECK(parse_u64("--index", "18446744073709551615") == 18446744073709551615ULL);
    CHECK(parse_i64("--limit", "9223372036854775807") == 9223372036854775807);
    check_error(ErrorKind::usage, "--index", [] { (void)parse_u64("--index", "18446744073709551616"); });
    check_error(ErrorKind::usage, "negative", [] { (void)parse_u64("--index", "-1"); });
    check_error(ErrorKind::usage, "above", [] { (void)parse_i64("--limit", "9223372036854775808"); });
}

TEST_CASE("size: K M G and KiB MiB GiB count by 1024, kB MB GB by 1000") {
    struct Row {
        std::string text;
        std::uint64_t bytes;
    };
    for (const Row& row : {
             Row{"0", 0},
             Row{"4096", 4096},
             Row{"512B", 512},
             Row{"1K", 1024},
             Row{"1KiB", 1024},
             Row{"1kB", 1000},
             Row{"1KB", 1000},
             Row{"1k", 1024},
             Row{"1Ki", 1024},
             Row{"2gi", 2147483648},
             Row{"3mI", 3145728},
             Row{"3mib", 3145728},
             Row{"3M", 3145728},
             Row{"3MiB", 3145728},
             Row{"3MB", 3000000},
             Row{"2G", 2147483648},
             Row{"2GiB", 2147483648},
             Row{"2GB", 2000000000},
             Row{"1.5K", 1536},
             Row{"0.25GiB", 268435456},
             Row{"1.000001MB", 1000001},
             Row{"18446744073709551615", 18446744073709551615ULL},
             Row{"16777215T", 18446742974197923840ULL},
         }) {
        CAPTURE(row.text);
        CHECK(parse_size("--target-size", row.text) == row.bytes);
    }
}

TEST_CASE("size: what is none") {
    for (const std::string text :
         {"", "K", "-1", "-1K", "1 K", "1e3", "1.K", ".5K", "1.5", "1.5B", "1.1234567K", "10%",
          "18446744073709551616", "16777216T", "99999999999G"}) {
        check_error(ErrorKind::usage, "--target-size: '" + text + "'",
                    [&] { (void)parse_size("--target-size", text); });
    }
}

TEST_CASE("size or per cent: a share of the whole, rounded up") {
    const auto of = [](std::string_view text, std::uint64_t whole) {
        return parse_size_or_percent("--min-gain", text).of(whole);
    };
    CHECK(of("10M", 5) == 10485760);
    CHECK(of("10%", 1000) == 100);
    CHECK(of("10%", 1001) == 101);
    CHECK(of("12.5%", 800) == 100);
    CHECK(of("0%", 1000) == 0);
    CHECK(of("100%", 18446744073709551615ULL) == 18446744073709551615ULL);
    CHECK(of("0.000001%", 100000000) == 1);
    for (const std::string text : {"%", "-1%", "101%", "100.1%", "ten%", "1%%", "1K%"}) {
        check_error(ErrorKind::usage, "--min-gain: '" + text + "'",
                    [&] { (void)parse_size_or_percent("--min-gain", text); });
    }
}

TEST_CASE("duration: a bare number is seconds") {
    CHECK(parse_duration("--timeout", "500ms") == 500ms);
    CHECK(parse_duration("--timeout", "10s") == 10s);
    CHECK(parse_duration("--timeout", "10") == 10s);
    CHECK(parse_duration("--timeout", "0") == 0ms);
    CHECK(parse_duration("--timeout", "0.5") == 500ms);
    CHECK(parse_duration("--timeout", "2m") == 2min);
    CHECK(parse_duration("--timeout", "1h") == 1h);
    for (const std::string text :
         {"", "s", "-1", "-1s", "10 s", "10d", "1.5ms", "10S", "9999h", "18446744073709551615h"}) {
        check_error(ErrorKind::usage, "--timeout: '" + text + "'",
                    [&] { (void)parse_duration("--timeout", text); });
    }
}
