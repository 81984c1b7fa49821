#pragma once
#include <chrono>
#include <cstdint>
#include <optional>

namespace kvctl::store {

/// How many revisions the next transaction of a compaction beside a server takes, and how long the server's
/// writers have the store to themselves before it: both follow what the transactions cost so far and whether
/// anybody writes. A transaction is to stay well below k_longest.
class LivePace {
  public:
    static constexpr std::int64_t k_smallest = 500;
    static constexpr std::int64_t k_largest = 5000;
    static constexpr std::int64_t k_first = 1000;
    static constexpr std::chrono::milliseconds k_first_pause{10};
    static constexpr std::chrono::milliseconds k_longest{100};

    /// A number that is given stays as it is.
    LivePace(std::optional<std::int64_t> size, std::optional<std::chrono::milliseconds> pause)
        : fixed_size_(size), fixed_pause_(pause) {}

    [[nodiscard]] std::int64_t size() const noexcept { return fixed_size_.value_or(size_); }
    [[nodiscard]] std::chrono::milliseconds pause() const noexcept { return fixed_pause_.value_or(pause_); }

    /// A transaction of so many rows kept writers out for `held`, after it had `waited` for the lock, behind
    /// which `others_write` tells whether there are any.
    void saw(std::uint64_t rows, std::chrono::microseconds held, std::chrono::microseconds waited,
             bool others_write) noexcept;

  private:
    std::optional<std::int64_t> fixed_size_;
    std::optional<std::chrono::milliseconds> fixed_pause_;
    std::int64_t size_ = k_first;
    std::chrono::milliseconds pause_ = k_first_pause;
    double row_us_ = 0;  ///< what a row costs: the dearest of late counts most
};

}  // namespace kvctl::store
