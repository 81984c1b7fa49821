#include "kvctl/store/live_pace.hpp"

#include <algorithm>

namespace kvctl::store {
namespace {

using std::chrono::milliseconds;

constexpr double k_aim_us = 50000;    // half of what is allowed: costs differ from batch to batch
constexpr double k_growth = 1.5;      // at the most from one transaction to the next
constexpr double k_forgetting = 0.8;  // of a dear transaction, with each that is cheaper
constexpr milliseconds k_longest_pause{200};

}  // namespace

void LivePace::saw(std::uint64_t rows, std::chrono::microseconds held, std::chrono::microseconds waited,
                   bool others_write) noexcept {
    const auto us = static_cast<double>(held.count());
    if (rows > 0) {
        row_us_ = std::max(us / static_cast<double>(rows), row_us_ * k_forgetting);
        const double wanted = row_us_ > 0 ? k_aim_us / row_us_ : static_cast<double>(k_largest);
        const double most = static_cast<double>(size_) * k_growth;
        size_ = std::clamp(static_cast<std::int64_t>(std::min(wanted, most)), k_smallest, k_largest);
    }
    // Who waits looks again after ever longer times, so a long hold asks for a long gap, and where this one
    // had to wait others have been waiting as well; where nobody writes there is nobody to wait for.
    const milliseconds gap =
        others_write ? std::max(milliseconds(held.count() / 3000), k_first_pause) : milliseconds(1);
    pause_ = std::min(std::max(gap, milliseconds(waited.count() / 1000)), k_longest_pause);
}

}  // namespace kvctl::store
