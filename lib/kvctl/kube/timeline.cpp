#include "kvctl/kube/timeline.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace kvctl::kube {
namespace {

constexpr std::int64_t k_minute = 60 * k_second;
constexpr std::int64_t k_hour = 60 * k_minute;

bool earlier(const Sample& s, MainRevision revision) noexcept {
    return s.revision < revision;
}

// The largest subset that ascends in time (equal times included), of samples that ascend in revision.
std::vector<Sample> longest_ascent(const std::vector<Sample>& samples) {
    constexpr std::uint32_t k_none = 0xFFFFFFFFU;
    std::vector<std::uint32_t> tails;  // of the ascents of each length the one that ends earliest
    std::vector<std::uint32_t> before(samples.size(), k_none);
    for (std::uint32_t i = 0; i < samples.size(); ++i) {
        const auto at =
            std::upper_bound(tails.begin(), tails.end(), samples[i].time,
                             [&](Time time, std::uint32_t tail) { return time < samples[tail].time; });
        if (at != tails.begin()) before[i] = *(at - 1);
        if (at == tails.end()) {
            tails.push_back(i);
        } else {
            *at = i;
        }
    }
    std::vector<Sample> ascent(tails.size());
    std::uint32_t i = tails.empty() ? k_none : tails.back();
    for (std::size_t n = ascent.size(); n-- > 0; i = before[i]) ascent[n] = samples[i];
    return ascent;
}

// Time between two points, by revision, without overflow.
Time interpolate(const Sample& a, const Sample& b, MainRevision revision) {
    const auto number = [](MainRevision r) { return static_cast<double>(r.value()); };
    const double share = (number(revision) - number(a.revision)) / (number(b.revision) - number(a.revision));
    return Time(a.time.value() + static_cast<std::int64_t>(std::llround(
                                     share * static_cast<double>(b.time.value() - a.time.value()))));
}

}  // namespace

std::optional<Time> time_of_write(const KeyTimes* before, const Object& after, bool created) {
    if (!after.is_object) return std::nullopt;
    const std::optional<Time> newest = after.newest_time();
    if (!newest || created) return newest;
    // A Lease is written to move its time.
    if (before == nullptr) return after.renewed;
    if (!before->newest || *before->newest < *newest) return newest;
    // A clock behind another's, or one that was set back: the time of its own that moved.
    if (after.renewed && before->renewed && after.renewed != before->renewed) return after.renewed;
    return std::nullopt;
}

void Sampler::keep(std::vector<Sample>& samples, MainRevision revision, Time time) {
    if (!samples.empty()) {
        const Sample& last = samples.back();
        if (last.revision == revision || (time >= last.time && time.value() - last.time.value() < k_second))
            return;
    }
    samples.push_back({revision, time});
}

void Sampler::add(MainRevision revision, std::uint32_t key, const Object& after, bool created) {
    if (key >= keys_.size()) keys_.resize(std::size_t{key} + 1);
    Known& known = keys_[key];
    const auto time_or_none = [](std::int64_t t) {
        return t == k_none ? std::nullopt : std::optional(Time(t));
    };
    KeyTimes before;
    before.newest = time_or_none(known.newest);
    before.renewed = time_or_none(known.renewed);
    const KeyTimes now(after);
    if (const auto time = time_of_write(known.seen ? &before : nullptr, after, created)) {
        keep(samples_, revision, *time);
    } else if (!known.seen && !created && now.newest) {
        keep(unsure_, revision, *now.newest);
    }
    known.seen = true;
    known.newest = now.newest ? now.newest->value() : k_none;
    known.renewed = now.renewed ? now.renewed->value() : k_none;
}

std::vector<Sample> Sampler::take() {
    return std::move(samples_.empty() ? unsure_ : samples_);
}

Timeline Timeline::fit(const std::vector<Sample>& samples) {
    Timeline t;
    t.samples_ = samples.size();
    t.points_ = longest_ascent(samples);
    t.drop_lone_ends();
    t.find_worst(samples);
    return t;
}

std::int64_t Timeline::median_step() const {
    if (points_.size() < 2) return 0;
    std::vector<std::int64_t> steps;
    steps.reserve(points_.size() - 1);
    for (std::size_t i = 1; i < points_.size(); ++i)
        steps.push_back(points_[i].time.value() - points_[i - 1].time.value());
    const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
    std::nth_element(steps.begin(), middle, steps.end());
    return *middle;
}

// A wrong clock in the middle breaks the ascent; at either end it fits in. Where samples stand close, one
// that stands far off its only neighbour is not believed.
void Timeline::drop_lone_ends() {
    constexpr std::size_t k_enough = 8;
    if (points_.size() < k_enough) return;
    const std::int64_t far = std::max(k_minute, 20 * median_step());
    const auto gap = [&](std::size_t i) { return points_[i + 1].time.value() - points_[i].time.value(); };
    if (gap(points_.size() - 2) > far && gap(points_.size() - 3) <= far) points_.pop_back();
    if (gap(0) > far && gap(1) <= far) points_.erase(points_.begin());
}

void Timeline::find_worst(const std::vector<Sample>& samples) {
    std::size_t next = 0;
    for (const Sample& s : samples) {
        if (next < points_.size() && points_[next] == s) {
            ++next;
            continue;
        }
        const auto at = time_of(s.revision);
        if (!at) continue;
        const std::int64_t distance = std::abs(s.time.value() - at->time.value());
        if (distance <= std::max(k_minute, worst_distance_)) continue;
        worst_ = s;
        worst_distance_ = distance;
    }
}

std::optional<Timeline::At> Timeline::time_of(MainRevision revision) const {
    if (points_.empty()) return std::nullopt;
    const auto above = std::lower_bound(points_.begin(), points_.end(), revision, earlier);
    if (above == points_.end()) return At{points_.back().time, std::nullopt};
    if (above->revision == revision) return At{above->time, 0};
    if (above == points_.begin()) return At{above->time, std::nullopt};
    const Sample& below = *(above - 1);
    const Time time = interpolate(below, *above, revision);
    return At{time, std::max(time.value() - below.time.value(), above->time.value() - time.value())};
}

std::optional<Timeline::Found> Timeline::revision_at(Time time) const {
    const auto sample = sample_at(time);
    if (!sample) return std::nullopt;
    const auto above =
        std::lower_bound(points_.begin(), points_.end(), MainRevision(sample->revision.value() + 1), earlier);
    if (above == points_.end()) return Found{sample->revision, sample->time, 0};
    const Sample below{sample->revision, sample->time};
    // The newest revision whose interpolated time is not after it.
    std::int64_t low = below.revision.value();
    std::int64_t high = above->revision.value();
    while (low < high - 1) {
        const std::int64_t middle = std::midpoint(low, high);
        (interpolate(below, *above, MainRevision(middle)) <= time ? low : high) = middle;
    }
    const MainRevision found(low);
    const auto at = time_of(found);
    return Found{found, at->time, at->error.value_or(0)};
}

std::optional<Timeline::Found> Timeline::sample_at(Time time) const {
    const auto above = std::upper_bound(points_.begin(), points_.end(), time,
                                        [](Time wanted, const Sample& s) { return wanted < s.time; });
    if (above == points_.begin()) return std::nullopt;
    const Sample& below = *(above - 1);
    return Found{below.revision, below.time,
                 above == points_.end() ? 0 : above->time.value() - below.time.value()};
}

std::vector<Sample> Timeline::thinned(std::size_t most) const {
    if (points_.size() <= most || most < 2) return points_;
    std::vector<Sample> few;
    const std::int64_t first = points_.front().time.value();
    const double step =
        static_cast<double>(points_.back().time.value() - first) / static_cast<double>(most - 1);
    std::size_t next = 0;  // each stretch of time gives its first point
    for (const Sample& s : points_) {
        const auto stretch =
            static_cast<std::size_t>(static_cast<double>(s.time.value() - first) / std::max(step, 1.0));
        if (stretch < next || few.size() + 1 == most) continue;
        few.push_back(s);
        next = stretch + 1;
    }
    if (few.back() == points_.back()) few.pop_back();
    few.push_back(points_.back());
    return few;
}

std::vector<Timeline::Jump> Timeline::jumps() const {
    std::vector<Jump> jumps;
    const std::int64_t far = std::max(k_hour, 60 * median_step());
    for (std::size_t i = 1; i < points_.size(); ++i) {
        if (points_[i].time.value() - points_[i - 1].time.value() > far)
            jumps.push_back({points_[i - 1], points_[i]});
    }
    return jumps;
}

}  // namespace kvctl::kube
