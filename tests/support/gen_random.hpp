#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace kvctl::gen {

/// Mixes all bits of `x`; equal inputs give equal outputs on every machine.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t x) noexcept {
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31U);
}

/// A sequence of numbers fixed by its seed. The standard library's distributions differ between
/// implementations, so generated stores would too; these do not.
class Random {
  public:
    explicit Random(std::uint64_t seed) noexcept : state_(mix(seed)) {}

    [[nodiscard]] std::uint64_t next() noexcept { return mix(state_ += 0x9e3779b97f4a7c15U); }

    /// A number in [0, n). n must not be 0.
    [[nodiscard]] std::uint64_t below(std::uint64_t n) noexcept { return next() % n; }

    /// A number in [0, 1).
    [[nodiscard]] double unit() noexcept { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

  private:
    std::uint64_t state_;
};

/// The smallest and largest size of a value, in bytes, both included.
struct SizeRange {
    std::uint64_t min = 0;
    std::uint64_t max = 0;
};

/// Makes values that look like what an API server stores: a short binary head, then words. A value follows
/// from its revision alone, so nothing has to be remembered to write it again as another row's old value.
class Values {
  public:
    explicit Values(std::uint64_t seed);

    /// The value of `key` at `revision`, in a buffer that the next call reuses.
    [[nodiscard]] std::string_view at(std::uint64_t revision, std::string_view key, SizeRange size);

  private:
    std::uint64_t seed_;
    std::string pool_;
    std::string value_;
};

}  // namespace kvctl::gen
