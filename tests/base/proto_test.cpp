#include "kvctl/base/proto.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

using namespace kvctl;
using namespace std::string_literals;

TEST_CASE("varint: comes back, in as many bytes as said") {
    for (const std::uint64_t value :
         {0ULL, 1ULL, 127ULL, 128ULL, 300ULL, 16383ULL, 16384ULL, 1ULL << 63, ~0ULL}) {
        std::string bytes;
        proto::append_varint(bytes, value);
        CHECK(bytes.size() == proto::varint_size(value));
        std::string_view rest = bytes;
        std::uint64_t back = 0;
        CHECK(proto::take_varint(rest, back));
        CHECK(back == value);
        CHECK(rest.empty());
    }
}

TEST_CASE("varint: cut short, or of more than 64 bits, is none") {
    for (const std::string& bytes :
         {""s, "\x80"s, std::string(9, '\xFF'), std::string(9, '\xFF') + "\x02", std::string(11, '\x80')}) {
        std::string_view rest = bytes;
        std::uint64_t value = 0;
        CHECK_FALSE(proto::take_varint(rest, value));
    }
}

TEST_CASE("reader: walks every wire type in order") {
    std::string message;
    proto::append_number(message, 1, 150);
    proto::append_bytes(message, 2, "a\0b"s);
    message += "\x19\x01\x00\x00\x00\x00\x00\x00\x80"s;  // 3: fixed64
    message += "\x25\x02\x00\x00\xFF"s;                  // 4: fixed32
    proto::append_number(message, 536870911, std::numeric_limits<std::uint64_t>::max());
    proto::Reader r(message);
    REQUIRE(r.next());
    CHECK(r.field() == 1);
    CHECK(r.wire_type() == 0);
    CHECK(r.number() == 150);
    REQUIRE(r.next());
    CHECK(r.field() == 2);
    CHECK(r.wire_type() == 2);
    CHECK(r.bytes() == "a\0b"s);
    CHECK(r.number() == 0);
    REQUIRE(r.next());
    CHECK(r.wire_type() == 1);
    CHECK(r.number() == 0x8000000000000001);
    CHECK(r.bytes().empty());
    REQUIRE(r.next());
    CHECK(r.wire_type() == 5);
    CHECK(r.number() == 0xFF000002);
    REQUIRE(r.next());
    CHECK(r.field() == 536870911);
    CHECK(r.signed_number() == -1);
    CHECK_FALSE(r.next());
    CHECK_FALSE(r.bad());
}

TEST_CASE("reader: short and long tags and lengths, up to the last byte") {
    for (const std::uint32_t field : {1U, 15U, 16U, 2047U, 2048U, 0x1FFFFFFFU}) {
        for (const std::size_t size : {0U, 1U, 127U, 128U, 300U}) {
            std::string message;
            proto::append_bytes(message, field, std::string(size, 'x'));
            proto::append_number(message, field, size);
            CAPTURE(field);
            CAPTURE(size);
            proto::Reader r(message);
            REQUIRE(r.next());
            CHECK(r.field() == field);
            CHECK(r.bytes() == std::string(size, 'x'));
            CHECK(r.number() == 0);
            const std::size_t left = r.left();
            REQUIRE(r.next());
            CHECK(r.wire_type() == 0);
            CHECK(r.number() == size);
            CHECK(r.bytes().empty());
            CHECK(r.left() == 0);
            CHECK_FALSE(r.next());
            CHECK_FALSE(r.bad());
            // Without its last byte each of the two is cut short.
            proto::Reader cut(std::string_view(message).substr(0, message.size() - 1));
            CHECK(cut.next());
            CHECK_FALSE(cut.next());
            CHECK(cut.bad());
            proto::Reader first(std::string_view(message).substr(0, message.size() - left - 1));
            CHECK_FALSE(first.next());
            CHECK(first.bad());
        }
    }
}

TEST_CASE("reader: malformed messages are bad, and stay so") {
    struct Row {
        std::string name;
        std::string message;
    };
    for (const Row& row : {
             Row{"field number 0", "\x00\x01"s},
             Row{"group", "\x0B"},
             Row{"wire type 7", "\x0F\x01"},
             Row{"number cut short", "\x08\x80"},
             Row{"length past the end",
                 "\x12\x05"
                 "abcd"},
             Row{"huge length", "\x12\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"},
             Row{"fixed64 cut short", "\x09\x01\x02\x03"},
             Row{"fixed32 cut short", "\x0D\x01"},
             Row{"tag cut short", "\x80"},
         }) {
        CAPTURE(row.name);
        proto::Reader r(row.message);
        CHECK_FALSE(r.next());
        CHECK(r.bad());
        CHECK_FALSE(r.next());
        CHECK(r.bad());
    }
}

TEST_CASE("reader: what stood before the damage was read") {
    std::string message;
    proto::append_number(message, 1, 7);
    proto::Reader r(message += '\x80');
    CHECK(r.next());
    CHECK(r.number() == 7);
    CHECK_FALSE(r.next());
    CHECK(r.bad());
}
