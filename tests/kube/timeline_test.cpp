#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "kvctl/kube/timeline.hpp"
#include "tests/support/kube_objects.hpp"

using namespace kvctl;
using kube::Sample;
using kube::Time;
using kube::Timeline;

namespace {

Sample at(std::int64_t revision, std::int64_t seconds) {
    return {MainRevision(revision), Time(seconds * kube::k_second)};
}

std::int64_t seconds(Time time) {
    return time.value() / kube::k_second;
}

// One revision a second from second 1000 on.
std::vector<Sample> steady(std::int64_t from, std::int64_t to) {
    std::vector<Sample> samples;
    for (std::int64_t i = from; i <= to; ++i) samples.push_back(at(i, 1000 + i));
    return samples;
}

}  // namespace

TEST_CASE("timeline: times between samples are interpolated, and the error is the distance of the samples") {
    const Timeline t = Timeline::fit({at(10, 100), at(20, 200), at(30, 210)});
    CHECK(seconds(t.time_of(MainRevision(15))->time) == 150);
    CHECK(t.time_of(MainRevision(15))->error == 50 * kube::k_second);
    CHECK(t.time_of(MainRevision(20))->error == 0);
    CHECK(seconds(t.time_of(MainRevision(9))->time) == 100);
    CHECK_FALSE(t.time_of(MainRevision(9))->error);
    CHECK_FALSE(t.time_of(MainRevision(31))->error);
    CHECK(t.revision_at(Time(150 * kube::k_second))->revision == MainRevision(15));
    CHECK(t.revision_at(Time(100 * kube::k_second))->revision == MainRevision(10));
    CHECK(t.revision_at(Time(999 * kube::k_second))->revision == MainRevision(30));
    CHECK_FALSE(t.revision_at(Time(99 * kube::k_second)));
    CHECK(t.sample_at(Time(199 * kube::k_second))->revision == MainRevision(10));
    CHECK_FALSE(Timeline::fit({}).time_of(MainRevision(1)));
}

TEST_CASE("timeline: a wrong clock in the middle, or at an end, is dropped and told") {
    std::vector<Sample> samples = steady(1, 50);
    samples[20] = at(21, 90'000);
    samples[30] = at(31, 5);
    samples.push_back(at(51, 90'000));
    samples.insert(samples.begin(), at(0, 1));
    const Timeline t = Timeline::fit(samples);
    CHECK(t.dropped() == 4);
    CHECK(t.points().front() == at(1, 1001));
    CHECK(t.points().back() == at(50, 1050));
    CHECK(seconds(t.time_of(MainRevision(21))->time) == 1021);
    REQUIRE(t.worst());
    CHECK(t.worst_distance() > 80'000 * kube::k_second);
}

TEST_CASE("timeline: of two nodes' clocks the one that is heard more often counts") {
    std::vector<Sample> samples;
    for (std::int64_t i = 1; i <= 300; ++i) samples.push_back(at(i, 1000 + i + (i % 3 == 0 ? 600 : 0)));
    const Timeline t = Timeline::fit(samples);
    CHECK(std::abs(seconds(t.time_of(MainRevision(100))->time) - 1100) <= 2);
    CHECK(t.dropped() >= 95);
    CHECK(t.worst_distance() / kube::k_second >= 590);
}

TEST_CASE("timeline: a jump forward is told, as after a restore") {
    std::vector<Sample> samples = steady(1, 50);
    for (std::int64_t i = 51; i <= 100; ++i) samples.push_back(at(i, 1'000'000 + i));
    const Timeline t = Timeline::fit(samples);
    CHECK(t.dropped() == 0);
    REQUIRE(t.jumps().size() == 1);
    CHECK(t.jumps()[0].from.revision == MainRevision(50));
    CHECK(t.jumps()[0].to.revision == MainRevision(51));
}

TEST_CASE("timeline: points thin out evenly, both ends stay") {
    const Timeline t = Timeline::fit(steady(1, 10'000));
    const auto few = t.thinned(20);
    CHECK(few.size() <= 20);
    CHECK(few.size() >= 15);
    CHECK(few.front() == t.points().front());
    CHECK(few.back() == t.points().back());
}

TEST_CASE("timeline: whatever the samples, the points ascend and every time lies between its neighbours'") {
    std::mt19937 random(7);
    for (int round = 0; round < 200; ++round) {
        std::vector<Sample> samples;
        std::int64_t revision = 0;
        const auto n = static_cast<int>(random() % 40);
        for (int i = 0; i < n; ++i) {
            revision += 1 + random() % 5;
            samples.push_back(at(revision, static_cast<std::int64_t>(random() % 1000)));
        }
        const Timeline t = Timeline::fit(samples);
        const auto& p = t.points();
        for (std::size_t i = 1; i < p.size(); ++i) {
            CHECK(p[i - 1].revision < p[i].revision);
            CHECK(p[i - 1].time <= p[i].time);
        }
        std::optional<Time> last;
        for (std::int64_t r = 0; r <= revision + 1; ++r) {
            const auto time = t.time_of(MainRevision(r));
            if (!time) break;
            CHECK((!last || *last <= time->time));
            last = time->time;
            const auto found = t.revision_at(time->time);
            if (time->error && found) CHECK(found->time <= time->time);
        }
    }
}

TEST_CASE("sampler: only a time that changed with the revision is one") {
    kube::Sampler sampler;
    kube::Object object;
    const auto add = [&](std::int64_t revision, std::uint32_t key, const std::string& value, bool created) {
        object.read(value);
        sampler.add(MainRevision(revision), key, object, created);
    };
    const auto map = [](std::int64_t created, std::int64_t managed, const char* v) {
        return test::make_config_map({"a", "ns", created, {{"m", managed}}}, {{"k", v}});
    };
    add(1, 0, map(100, 100, "a"), true);
    add(2, 0, map(100, 100, "b"), false);  // written again with its old time
    add(3, 0, map(100, 130, "c"), false);
    add(4, 1, map(50, 60, "d"), false);  // its row before is not stored: its times may be old
    add(5, 2, test::make_lease({"n1", "ns", 1}, "n1", 150), false);
    add(6, 2, test::make_lease({"n1", "ns", 1}, "n1", 150), false);
    CHECK(sampler.take() == std::vector<Sample>{at(1, 100), at(3, 130), at(5, 150)});
}
