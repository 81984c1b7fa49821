#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "kvctl/base/strong.hpp"
#include "kvctl/kube/object.hpp"
#include "kvctl/kube/times.hpp"

namespace kvctl::kube {

/// A time that a revision's own value shows: one that changed with it.
struct Sample {
    MainRevision revision;
    Time time;
    friend bool operator==(const Sample&, const Sample&) = default;
};

/// The times of a key's newest row, of which the next one's are told apart.
struct KeyTimes {
    std::optional<Time> newest;   ///< Object::newest_time()
    std::optional<Time> renewed;  ///< of a Lease

    KeyTimes() = default;
    explicit KeyTimes(const Object& object) : newest(object.newest_time()), renewed(object.renewed) {}
};

/// The time that a row's value shows of its own write: one that changed with it. `before` is null where the
/// row before is not stored; `created`: there was none. nullopt: none.
[[nodiscard]] std::optional<Time> time_of_write(const KeyTimes* before, const Object& after, bool created);

/// Gathers samples from a pass in revision order.
class Sampler {
  public:
    /// A put of a key, by the number that Predecessors gave it. What lies within a second of the sample kept
    /// last is left out.
    void add(MainRevision revision, std::uint32_t key, const Object& after, bool created);

    /// Sure ones; where there are none at all, those whose row before is not stored, which may be older.
    [[nodiscard]] std::vector<Sample> take();
    /// Only the sure ones.
    [[nodiscard]] std::vector<Sample> take_sure() { return std::move(samples_); }

  private:
    static void keep(std::vector<Sample>& samples, MainRevision revision, Time time);
    static constexpr std::int64_t k_none = std::numeric_limits<std::int64_t>::min();
    struct Known {
        std::int64_t newest = k_none;
        std::int64_t renewed = k_none;
        bool seen = false;
    };
    std::vector<Known> keys_;
    std::vector<Sample> samples_;
    std::vector<Sample> unsure_;
};

/// Revisions against time. There is no clock in a store's rows: this is the largest set of samples that
/// ascends both in revision and in time, and what lies between is interpolated.
class Timeline {
  public:
    /// Of samples ascending by revision.
    [[nodiscard]] static Timeline fit(const std::vector<Sample>& samples);

    struct At {
        Time time;
        /// How far off it may be, in microseconds: the distance of the samples around. nullopt: the revision
        /// lies outside of all samples, and `time` is that of the nearest.
        std::optional<std::int64_t> error;
    };
    /// nullopt: there is no sample.
    [[nodiscard]] std::optional<At> time_of(MainRevision revision) const;

    struct Found {
        MainRevision revision;
        Time time;               ///< of that revision
        std::int64_t error = 0;  ///< of the time, in microseconds
    };
    /// The newest revision not after `time`; nullopt: `time` lies before the oldest sample.
    [[nodiscard]] std::optional<Found> revision_at(Time time) const;
    /// The newest sample not after `time`, which is sure not to be newer; `error` is the time up to the next
    /// one.
    [[nodiscard]] std::optional<Found> sample_at(Time time) const;

    /// Ascending in both.
    [[nodiscard]] const std::vector<Sample>& points() const noexcept { return points_; }
    /// At most `most` of them, first and last included, evenly by time.
    [[nodiscard]] std::vector<Sample> thinned(std::size_t most) const;
    [[nodiscard]] std::size_t samples() const noexcept { return samples_; }
    [[nodiscard]] std::size_t dropped() const noexcept { return samples_ - points_.size(); }

    /// Two neighbours far apart in time: nothing was written between them, or a clock was set.
    struct Jump {
        Sample from;
        Sample to;
    };
    /// How far the sample that agrees least lies off the line; nullopt: none lies more than a minute off.
    [[nodiscard]] std::optional<Sample> worst() const noexcept { return worst_; }
    [[nodiscard]] std::int64_t worst_distance() const noexcept { return worst_distance_; }
    /// Neighbours further apart than an hour, and than sixty times the usual distance.
    [[nodiscard]] std::vector<Jump> jumps() const;
    /// The usual distance of neighbours, in microseconds.
    [[nodiscard]] std::int64_t median_step() const;

  private:
    void drop_lone_ends();
    void find_worst(const std::vector<Sample>& samples);
    std::vector<Sample> points_;
    std::size_t samples_ = 0;
    std::optional<Sample> worst_;
    std::int64_t worst_distance_ = 0;
};

}  // namespace kvctl::kube
