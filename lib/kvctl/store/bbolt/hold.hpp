#pragma once
#include <string>

#include "kvctl/store/open.hpp"

namespace kvctl::store {

/// bbolt's own lock on a file, taken as a server takes it for its life (exclusive) or a reader for its time
/// (shared). Goes with the object.
class BboltHold {
  public:
    enum class Kind { shared, exclusive };

    /// Throws in_use with the pids the system shows when somebody else has it: at once, or after the timeout
    /// where waiting was asked for. An exclusive hold opens the file for writing; throws io where the file
    /// system has no locks.
    BboltHold(const std::string& path, const std::string& real_path, Kind kind, const OpenOptions& options);
    BboltHold(const BboltHold&) = delete;
    BboltHold& operator=(const BboltHold&) = delete;
    ~BboltHold();

    [[nodiscard]] int descriptor() const noexcept { return fd_; }

  private:
    int fd_ = -1;
};

}  // namespace kvctl::store
