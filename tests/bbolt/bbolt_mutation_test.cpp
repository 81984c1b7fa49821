#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "kvctl/bbolt/format.hpp"
#include "tests/fuzz/bbolt_target.hpp"
#include "tests/support/bbolt_image.hpp"

using namespace kvctl;

namespace {

std::vector<mvcc::Record> history(std::vector<std::string>& keys) {
    for (int i = 0; i < 40; ++i) keys.push_back("/registry/" + std::to_string(i % 9));
    std::vector<mvcc::Record> records;
    for (std::int64_t i = 0; i < 40; ++i) {
        mvcc::Record r;
        r.revision = {i / 2 + 2, i % 2};
        r.key = keys[static_cast<std::size_t>(i)];
        r.tombstone = i % 5 == 4;
        r.value = r.tombstone ? "" : "a value of some length";
        r.create_revision = r.tombstone ? 0 : 2;
        r.version = r.tombstone ? 0 : i / 9 + 1;
        records.push_back(r);
    }
    return records;
}

}  // namespace

// Nothing but the packing of a page vouches for the headers of its elements.
TEST_CASE("bbolt: no flipped bit in a count, a position or a size is believed") {
    std::vector<std::string> keys;
    std::vector<mvcc::Record> records = history(keys);
    records.resize(18);
    for (mvcc::Record& r : records) r.lease = r.tombstone ? 0 : 70000;
    test::BboltImage image = test::etcd_image(records, 1024);
    image.max_elements = 5;
    for (std::uint64_t id = 1; id < 30; ++id) {
        // Lease{ID, TTL}
        image.buckets["lease"][test::be64(id)] = std::string{8, static_cast<char>(id), 16, 100};
    }
    image.buckets["meta"]["term"] = test::be64(3);
    image.buckets["meta"]["storageVersion"] = "3.6.0";
    image.buckets["members"]["8e9e05c52164694d"] = R"({"id":10276657743932975437,"name":"default"})";
    image.buckets["alarm"][std::string{8, 5, 16, 1}] = "";
    const std::string good = image.build();
    REQUIRE(image.root_of("lease") != 0);
    REQUIRE(image.root_of("meta") == 0);
    const std::optional<std::string> sound = fuzz::etcd_content(good);
    REQUIRE(sound);
    std::size_t flips = 0;
    std::size_t refused = 0;
    for (const std::size_t at : fuzz::element_headers(good)) {
        for (int bit = 0; bit < 8; ++bit) {
            std::string bytes = good;
            bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
            const std::optional<std::string> now = fuzz::etcd_content(bytes);
            ++flips;
            refused += now ? 0 : 1;
            CAPTURE(at);
            CAPTURE(bit);
            if (now) CHECK(*now == *sound);
        }
    }
    // The few others leave all as it was: a branch's key without the zeros it ends with.
    CHECK(flips > 5000);
    CHECK(refused * 100 > flips * 99);
}

// What the fuzzer does for hours, for a moment: with a fixed seed, in every build, most of all the sanitized
// ones.
TEST_CASE("bbolt: files with random damage are answered by findings and errors, never by a crash or a hang") {
    std::mt19937 random(20260801);  // NOLINT: the same damage every time
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    const std::uint64_t interesting[] = {0,    1,      2,          3,          0x7F,
                                         0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF};
    int opened = 0;
    constexpr int k_rounds = 1500;
    for (int round = 0; round < k_rounds; ++round) {
        CAPTURE(round);
        std::vector<std::string> keys;
        test::BboltImage image = test::etcd_image(history(keys), round % 3 == 0 ? 4096 : 1024);
        image.max_elements = 2 + below(8);
        image.store_freelist = round % 2 == 0;
        image.free_pages = below(3);
        std::string bytes = image.build();
        const std::size_t page_size = image.page_size;
        for (std::size_t n = 1 + below(4); n > 0; --n) {
            const std::size_t page = below(image.pages());
            const std::size_t at = page * page_size + below(round % 4 == 0 ? page_size - 8 : 200);
            const std::uint64_t value =
                below(3) == 0 ? interesting[below(std::size(interesting))] : below(image.pages() + 2);
            switch (below(4)) {
                case 0:
                    test::patch(bytes, at, test::le16(value));
                    break;
                case 1:
                    test::patch(bytes, at, test::le32(value));
                    break;
                case 2:
                    test::patch(bytes, at, test::le64(value));
                    break;
                default:
                    bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
                    break;
            }
            // Damage behind a sound checksum gets further.
            if (page < 2) test::seal_meta(bytes, page, page_size);
        }
        if (below(10) == 0) bytes.resize(below(bytes.size()));
        opened += fuzz::read_as_bbolt(bytes, fuzz::Depth::deep) ? 1 : 0;
    }
    // Most stay readable in part: else the damage would say little about the readers behind the metas.
    CHECK(opened > k_rounds / 2);
    CHECK(opened < k_rounds);
}
