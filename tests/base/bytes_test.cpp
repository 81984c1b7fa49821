#include "kvctl/base/bytes.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "kvctl/base/base64.hpp"

using namespace kvctl;
using namespace std::string_literals;

TEST_CASE("is_utf8: takes exactly the well-formed sequences") {
    struct Row {
        std::string name;
        std::string bytes;
        bool is;
    };
    for (const Row& row : {
             Row{"empty", "", true},
             Row{"ASCII with NUL", "a\0b"s, true},
             Row{"two bytes", "\xC2\x80", true},
             Row{"three bytes", "\xE2\x82\xAC", true},
             Row{"last code point", "\xF4\x8F\xBF\xBF", true},
             Row{"above the last code point", "\xF4\x90\x80\x80", false},
             Row{"lead byte that never occurs", "\xF5\x80\x80\x80", false},
             Row{"overlong slash", "\xC0\xAF", false},
             Row{"overlong three bytes", "\xE0\x9F\xBF", false},
             Row{"overlong four bytes", "\xF0\x8F\xBF\xBF", false},
             Row{"surrogate", "\xED\xA0\x80", false},
             Row{"lone continuation", "a\x80", false},
             Row{"cut short", "\xE2\x82", false},
             Row{"lead byte followed by ASCII", "\xC3(", false},
         }) {
        CAPTURE(row.name);
        CHECK(is_utf8(row.bytes) == row.is);
    }
}

TEST_CASE("base64: the examples of RFC 4648, both ways") {
    struct Row {
        std::string bytes;
        std::string text;
    };
    for (const Row& row :
         {Row{"", ""}, Row{"f", "Zg=="}, Row{"fo", "Zm8="}, Row{"foo", "Zm9v"}, Row{"foob", "Zm9vYg=="},
          Row{"fooba", "Zm9vYmE="}, Row{"foobar", "Zm9vYmFy"}, Row{"\xFB\xFF\xBE", "+/++"}}) {
        CAPTURE(row.text);
        CHECK(base64_encode(row.bytes) == row.text);
        CHECK(base64_decode(row.text) == row.bytes);
    }
}

TEST_CASE("base64: random bytes come back") {
    std::mt19937 random(1);
    for (std::size_t size = 0; size < 70; ++size) {
        std::string bytes;
        for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(random());
        CHECK(base64_decode(base64_encode(bytes)) == bytes);
    }
}

TEST_CASE("base64: refuses what an encoder never writes") {
    for (const std::string text :
         {"Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm 9", "Zm9v\n", "Zh==", "Zm9=", "Z-9v", "=Zm9"}) {
        CAPTURE(text);
        CHECK_FALSE(base64_decode(text));
    }
}

TEST_CASE("escape: leaves nothing that acts on a terminal") {
    struct Row {
        std::string bytes;
        std::string text;
    };
    for (const Row& row : {
             Row{"/registry/pods/a b", "/registry/pods/a b"}, Row{"\xE2\x82\xAC", "\xE2\x82\xAC"},
             Row{"a\0b"s, "a\\x00b"}, Row{"\n\r\t\\", "\\n\\r\\t\\\\"}, Row{"\x1B[2J", "\\x1b[2J"},
             Row{"\x7F", "\\x7f"},
             Row{"\xC2\x9B"
                 "31m",
                 "\\xc2\\x9b31m"},                    // C1 control sequence introducer
             Row{"\xE2\x80\xAE", "\\xe2\\x80\\xae"},  // right-to-left override
             Row{"\xEF\xBB\xBF", "\\xef\\xbb\\xbf"},  // byte order mark
             Row{"\xFF\xC3", "\\xff\\xc3"},           // not UTF-8
         }) {
        CAPTURE(row.text);
        CHECK(escape(row.bytes) == row.text);
    }
}

TEST_CASE("escape: different keys never look the same") {
    CHECK(escape("a\nb") != escape("a\\nb"));
    CHECK(escape("\xFF") != escape("\\xff"));
}

TEST_CASE("hex: without leading zeros, or eight digits") {
    CHECK(hex(0) == "0");
    CHECK(hex(0xABCDEF0123456789) == "abcdef0123456789");
    CHECK(hex(16) == "10");
    CHECK(hex32(0) == "00000000");
    CHECK(hex32(0xB98A4B31) == "b98a4b31");
}

TEST_CASE("base64: the fast decoder answers as the one by table") {
    std::vector<char> fast;
    std::vector<char> portable;
    const auto agree = [&](const std::string& text) {
        const bool good = base64_decode_portable(portable, text);
        CHECK(base64_decode_into(fast, text) == good);
        CHECK(good == base64_decode(text).has_value());
        if (!good) return;
        CHECK(fast == portable);
        CHECK(std::string(fast.begin(), fast.end()) == *base64_decode(text));
    };
    std::uint32_t state = 1;
    const auto random = [&] { return state = state * 1664525 + 1013904223; };
    for (std::size_t n = 0; n < 150; ++n) {
        std::string bytes;
        for (std::size_t i = 0; i < n; ++i) bytes += static_cast<char>(random() >> 24);
        agree(base64_encode(bytes));
        CHECK(base64_decode(base64_encode(bytes)) == bytes);
    }
    // Every byte in every place of a text of two rounds of the widest decoder and a rest.
    const std::string text = base64_encode(std::string(100, '\x5A'));
    for (std::size_t place = 0; place < text.size(); ++place) {
        for (int byte = 0; byte < 256; ++byte) {
            std::string changed = text;
            changed[place] = static_cast<char>(byte);
            agree(changed);
        }
    }
}
