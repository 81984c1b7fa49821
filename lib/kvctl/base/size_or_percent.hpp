#pragma once
#include <cstdint>

namespace kvctl {

/// Bytes, or a share of something whose size is known later.
class SizeOrPercent {
  public:
    static constexpr std::uint64_t k_whole = 100'000'000;  ///< 100 %, in millionths of a percent

    static SizeOrPercent bytes(std::uint64_t bytes) noexcept { return {bytes, 0}; }
    static SizeOrPercent millionths(std::uint64_t share) noexcept { return {0, share}; }
    /// The bytes meant when the whole is `whole` bytes, rounded up.
    [[nodiscard]] std::uint64_t of(std::uint64_t whole) const noexcept {
        if (millionths_ == 0) return bytes_;
        const std::uint64_t rest = whole % k_whole * millionths_;
        return whole / k_whole * millionths_ + rest / k_whole + (rest % k_whole != 0 ? 1 : 0);
    }
    friend bool operator==(const SizeOrPercent&, const SizeOrPercent&) = default;

  private:
    SizeOrPercent(std::uint64_t bytes, std::uint64_t millionths) : bytes_(bytes), millionths_(millionths) {}
    std::uint64_t bytes_;
    std::uint64_t millionths_;
};

}  // namespace kvctl
