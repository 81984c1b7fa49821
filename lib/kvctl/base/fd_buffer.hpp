#pragma once
#include <array>
#include <streambuf>

namespace kvctl {

/// Output to a file descriptor it does not own, in blocks; remembers why a write failed. After the first
/// failure nothing more is written. A signal that asked for an end (kvctl::interrupt_signal) also ends a
/// write that waits.
class FdBuffer final : public std::streambuf {
  public:
    explicit FdBuffer(int fd) noexcept;
    /// errno of the write that failed, or 0.
    [[nodiscard]] int error() const noexcept { return error_; }

  protected:
    int_type overflow(int_type c) override;
    int sync() override;

  private:
    bool drain() noexcept;

    int fd_;
    int error_ = 0;
    std::array<char, 65536> block_;
};

}  // namespace kvctl
