#include "kvctl/store/live_pace.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace kvctl;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using store::LivePace;

namespace {

// Transactions of a store where a row costs so much; returns the longest behind the first hundred.
microseconds settle(LivePace& pace, double row_us, bool others_write = true) {
    microseconds longest{};
    for (int i = 0; i < 200; ++i) {
        const std::int64_t n = pace.size();
        const microseconds held(static_cast<std::int64_t>(row_us * static_cast<double>(n)));
        if (i >= 100) longest = std::max(longest, held);
        pace.saw(static_cast<std::uint64_t>(n), held, microseconds(0), others_write);
    }
    return longest;
}

}  // namespace

TEST_CASE("live pace: begins as documented, and a number that is given stays") {
    LivePace pace({}, {});
    CHECK(pace.size() == 1000);
    CHECK(pace.pause() == milliseconds(10));
    LivePace fixed(7, milliseconds(3));
    settle(fixed, 1000);
    CHECK(fixed.size() == 7);
    CHECK(fixed.pause() == milliseconds(3));
}

TEST_CASE("live pace: no transaction comes near the longest, and none is smaller or larger than allowed") {
    struct Row {
        double row_us;
        std::int64_t size;  // 0: in between
    };
    for (const Row& row : {Row{1, 5000}, Row{10, 5000}, Row{25, 0}, Row{60, 0}, Row{99, 0}, Row{1000, 500}}) {
        CAPTURE(row.row_us);
        LivePace pace({}, {});
        const microseconds longest = settle(pace, row.row_us);
        CHECK(pace.size() >= LivePace::k_smallest);
        CHECK(pace.size() <= LivePace::k_largest);
        if (row.size != 0) CHECK(pace.size() == row.size);
        if (row.size != 500) CHECK(longest < LivePace::k_longest);
    }
}

TEST_CASE("live pace: one dear transaction makes the next ones small, and cheap ones let it grow by and by") {
    LivePace pace({}, {});
    settle(pace, 10);
    REQUIRE(pace.size() == 5000);
    pace.saw(5000, milliseconds(400), {}, true);
    CHECK(pace.size() < 1000);
    CHECK(pace.pause() == milliseconds(133));
    const std::int64_t small = pace.size();
    pace.saw(static_cast<std::uint64_t>(small), microseconds(small * 10), {}, true);
    CHECK(pace.size() > small);
    CHECK(pace.size() <= small * 3 / 2);
    settle(pace, 10);
    CHECK(pace.size() == 5000);
}

TEST_CASE("live pace: writers get a third of the time they were kept out, or as long as the lock was taken") {
    LivePace pace({}, {});
    pace.saw(1000, milliseconds(60), {}, true);
    CHECK(pace.pause() == milliseconds(20));
    pace.saw(1000, milliseconds(3000), {}, true);
    CHECK(pace.pause() == milliseconds(200));
    pace.saw(1000, milliseconds(2), {}, true);
    CHECK(pace.pause() == milliseconds(10));
    pace.saw(1000, milliseconds(60), {}, false);
    CHECK(pace.pause() == milliseconds(1));
    // As long as this one waits for the lock, so do others.
    pace.saw(1000, milliseconds(60), milliseconds(70), true);
    CHECK(pace.pause() == milliseconds(70));
    pace.saw(1000, milliseconds(2), milliseconds(70), false);
    CHECK(pace.pause() == milliseconds(70));
    pace.saw(1000, milliseconds(2), milliseconds(30000), true);
    CHECK(pace.pause() == milliseconds(200));
    pace.saw(1000, milliseconds(60), milliseconds(3), true);
    CHECK(pace.pause() == milliseconds(20));
    // A transaction that had nothing to delete says nothing about what a row costs.
    const std::int64_t size = pace.size();
    pace.saw(0, milliseconds(90), {}, false);
    CHECK(pace.size() == size);
}
