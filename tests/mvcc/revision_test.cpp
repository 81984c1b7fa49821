#include <doctest/doctest.h>

#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "kvctl/mvcc/revision.hpp"
#include "kvctl/mvcc/slot_set.hpp"

using namespace kvctl::mvcc;

namespace {

std::string hex(std::string_view bytes) {
    std::ostringstream out;
    for (const char c : bytes) {
        out << "0123456789abcdef"[static_cast<unsigned char>(c) >> 4]
            << "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
    }
    return out.str();
}

}  // namespace

TEST_CASE("revision: encodes as etcd's row key, and back") {
    struct Row {
        Revision revision;
        bool tombstone;
        std::string bytes;
    };
    constexpr std::int64_t k_max = std::numeric_limits<std::int64_t>::max();
    const std::vector<Row> rows{
        {{0, 0}, false, "00000000000000005f0000000000000000"},
        {{5, 0}, true, "00000000000000055f000000000000000074"},
        {{1, 256}, false, "00000000000000015f0000000000000100"},
        {{0x0102030405060708, 0x1112131415161718}, true, "01020304050607085f111213141516171874"},
        {{k_max, k_max}, false, "7fffffffffffffff5f7fffffffffffffff"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.revision);
        const EncodedRevision encoded(row.revision, row.tombstone);
        CHECK(hex(encoded.bytes()) == row.bytes);
        const auto decoded = decode_revision(encoded.bytes());
        REQUIRE(decoded);
        CHECK(decoded->revision == row.revision);
        CHECK(decoded->tombstone == row.tombstone);
    }
}

TEST_CASE("revision: the order of encoded bytes is the order of revisions") {
    const std::vector<Revision> ascending{{0, 0},   {0, 1}, {1, 0},   {1, 1},   {1, 255},
                                          {1, 256}, {2, 0}, {255, 9}, {256, 0}, {1LL << 40, 0}};
    for (std::size_t i = 1; i < ascending.size(); ++i) {
        CAPTURE(ascending[i]);
        CHECK(ascending[i - 1] < ascending[i]);
        CHECK(std::string(EncodedRevision(ascending[i - 1], true).bytes()) <
              std::string(EncodedRevision(ascending[i], false).bytes()));
    }
}

TEST_CASE("revision: a row key of the wrong length, separator, mark or sign is none") {
    const std::string good(EncodedRevision({5, 1}, true).bytes());
    REQUIRE(decode_revision(good));
    CHECK(decode_revision(good.substr(0, 17)));
    CHECK_FALSE(decode_revision(""));
    CHECK_FALSE(decode_revision(good.substr(0, 16)));
    CHECK_FALSE(decode_revision(good + "t"));
    std::string bad = good;
    bad[8] = '-';
    CHECK_FALSE(decode_revision(bad));
    bad = good;
    bad[17] = 'T';
    CHECK_FALSE(decode_revision(bad));
    bad = good;
    bad[0] = '\x80';
    CHECK_FALSE(decode_revision(bad));
    bad = good;
    bad[9] = '\xFF';
    CHECK_FALSE(decode_revision(bad));
}

TEST_CASE("revision: prints as main.sub") {
    std::ostringstream out;
    out << Revision{7, 2} << ' ' << Revision{-1, 0};
    CHECK(out.str() == "7.2 -1.0");
}

TEST_CASE("slot set: holds what was put in and not erased, and nothing beyond its end") {
    SlotSet set(130);
    for (const Slot s : {0U, 63U, 64U, 129U}) set.insert(s);
    for (Slot s = 0; s < 400; ++s) {
        CAPTURE(s);
        CHECK(set.contains(s) == (s == 0 || s == 63 || s == 64 || s == 129));
    }
    CHECK_FALSE(set.contains(k_no_slot));
    SlotSet other = set;
    CHECK(other == set);
    other.erase(64);
    CHECK_FALSE(other.contains(64));
    CHECK(other.contains(63));
    CHECK_FALSE(other == set);
    CHECK_FALSE(SlotSet().contains(0));
}
