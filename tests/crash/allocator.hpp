#pragma once
#include <cstdint>

namespace kvctl::crash {

/// Whose memory runs out.
enum class Heap { sqlite, program };

/// From construction on the n-th allocation (from 1) from that heap fails, and with `persistent` all behind
/// it, until destruction.
class MemoryFault {
  public:
    MemoryFault(Heap heap, std::uint64_t n, bool persistent);
    ~MemoryFault();
    MemoryFault(const MemoryFault&) = delete;
    MemoryFault& operator=(const MemoryFault&) = delete;
    /// Allocations seen so far.
    [[nodiscard]] std::uint64_t seen() const noexcept;
};

/// While one lives, the program's allocations are the harness's own and never fail.
class Calm {
  public:
    Calm() noexcept;
    ~Calm();
    Calm(const Calm&) = delete;
    Calm& operator=(const Calm&) = delete;
};

}  // namespace kvctl::crash
