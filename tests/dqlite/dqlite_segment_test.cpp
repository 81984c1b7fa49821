#include <doctest/doctest.h>

#include <random>

#include "kvctl/dqlite/segment.hpp"
#include "tests/support/dqlite_maker.hpp"

using namespace kvctl;
using namespace kvctl::dqlite;

namespace {

// Seven entries beside the two that every log begins with: batches of three.
std::string closed_segment() {
    test::DqliteMaker maker;
    for (int i = 0; i < 7; ++i) maker.barrier();
    maker.close_segment();
    return maker.files().at("0000000000000001-0000000000000009");
}

std::size_t count(SegmentReader& reader) {
    std::size_t n = 0;
    while (reader.next()) n += reader.entries().size();
    return n;
}

}  // namespace

TEST_CASE("dqlite segment: all batches of a sound file, to its last byte") {
    const std::string file = closed_segment();
    SegmentReader reader(file);
    CHECK(count(reader) == 9);
    CHECK(reader.fault().empty());
    CHECK(reader.offset() == file.size());
}

TEST_CASE("dqlite segment: zeros behind the last batch are its end, anything else is a fault") {
    const std::string file = closed_segment();
    for (const std::size_t zeros : {1, 7, 8, 16, 4096}) {
        const std::string padded = file + std::string(zeros, '\0');
        SegmentReader reader(padded);
        CHECK(count(reader) == 9);
        CHECK(reader.fault().empty());
        CHECK(reader.offset() == file.size());
    }
    const std::string more = file + "x";
    SegmentReader reader(more);
    CHECK(count(reader) == 9);
    CHECK_FALSE(reader.fault().empty());
}

TEST_CASE("dqlite segment: one that was only set aside has no entries and no fault") {
    const std::string zeros(4096, '\0');
    SegmentReader reader(zeros);
    CHECK(reader.unused());
    CHECK_FALSE(reader.next());
    CHECK(reader.fault().empty());
}

TEST_CASE("dqlite segment: a flipped bit loses its batch and what follows, never more, and is always seen") {
    const std::string file = closed_segment();
    std::mt19937 dice(11);
    for (int i = 0; i < 2000; ++i) {
        const std::size_t bit = dice() % (file.size() * 8);
        std::string flipped = file;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
        SegmentReader reader(flipped);
        CAPTURE(bit);
        const std::size_t n = count(reader);
        CHECK(n % 3 == 0);
        CHECK(n < 9);
        CHECK_FALSE(reader.fault().empty());
    }
}

TEST_CASE("dqlite segment: a file cut anywhere ends with whole batches") {
    const std::string file = closed_segment();
    for (std::size_t n = 8; n < file.size(); ++n) {
        const std::string cut = file.substr(0, n);
        SegmentReader reader(cut);
        const std::size_t entries = count(reader);
        CAPTURE(n);
        CHECK(entries % 3 == 0);
        CHECK((reader.fault().empty() == (reader.offset() == n)));
    }
}

TEST_CASE("dqlite segment: batches behind a damaged one are found") {
    std::string file = closed_segment();
    SegmentReader sound(file);
    REQUIRE(sound.next());
    const std::size_t second = sound.offset();
    REQUIRE(sound.next());
    const std::size_t third = sound.offset();
    file[second + 20] = static_cast<char>(file[second + 20] ^ 1);
    CHECK(find_batch(file, second + 8) == third);
    CHECK(find_batch(file, third + 8) == std::string_view::npos);
}
