#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kvctl/mvcc/rows.hpp"

namespace kvctl::mvcc {

/// A set of rows, one bit a slot.
class SlotSet {
  public:
    SlotSet() = default;
    explicit SlotSet(Slot end) : words_((static_cast<std::size_t>(end) + 63) / 64, 0) {}
    void insert(Slot s) noexcept { words_[s >> 6] |= std::uint64_t{1} << (s & 63); }
    void erase(Slot s) noexcept { words_[s >> 6] &= ~(std::uint64_t{1} << (s & 63)); }
    /// False beyond the end as well.
    [[nodiscard]] bool contains(Slot s) const noexcept {
        return (s >> 6) < words_.size() && (words_[s >> 6] >> (s & 63) & 1U) != 0;
    }
    friend bool operator==(const SlotSet&, const SlotSet&) = default;

  private:
    std::vector<std::uint64_t> words_;
};

}  // namespace kvctl::mvcc
