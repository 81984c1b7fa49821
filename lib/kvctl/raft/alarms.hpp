#pragma once
#include <cstdint>
#include <set>
#include <utility>

#include "kvctl/raft/request.hpp"

namespace kvctl::raft {

/// Which requests an alarm holds up where both kinds are on at once.
enum class AlarmRule : std::uint8_t {
    by_set,           ///< etcd from 3.6 on: every alarm that is on counts
    by_last_request,  ///< up to 3.5: the kind that came on last alone; any kind that goes off lifts it
};

/// The alarms of a cluster, as alarm requests in a log leave them.
class Alarms {
  public:
    static constexpr std::uint64_t k_no_space = 1;
    static constexpr std::uint64_t k_corrupt = 2;

    void apply(const Alarm& request);

    /// Whether this kind holds requests up.
    [[nodiscard]] bool holds(std::uint64_t kind, AlarmRule rule) const noexcept {
        return rule == AlarmRule::by_set ? is_on(kind) : gate_ == kind;
    }
    [[nodiscard]] bool is_on(std::uint64_t kind) const noexcept;
    [[nodiscard]] bool both_are_on() const noexcept { return is_on(k_no_space) && is_on(k_corrupt); }

  private:
    std::set<std::pair<std::uint64_t, std::uint64_t>> on_;  ///< kind and member
    std::uint64_t gate_ = 0;                                ///< the kind that came on last; 0: lifted
};

}  // namespace kvctl::raft
