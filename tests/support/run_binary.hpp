#pragma once
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/places.hpp"
#include "tests/support/run_cli.hpp"
#include "tests/support/temp_dir.hpp"

namespace kvctl::test {

/// How to start a process. Streams without a path are captured.
struct Start {
    std::vector<std::string> args;  ///< behind the program's name
    std::string program = kvctl_exe();
    std::string out_path{};     ///< stdout goes to this existing file or device
    std::vector<int> closed{};  ///< descriptors closed in the child
    std::vector<std::pair<std::string, std::string>> environment{};  ///< set in addition to ours
    std::string folder{};                                            ///< working folder; empty: ours
};

/// A running process. Killed and waited for by the destructor if nobody did.
class Child {
  public:
    explicit Child(const Start& start);
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    void send(int signal) const;
    /// Waits for the end. The code is the exit status, or 1000 + the signal that killed it. Kills it after
    /// `seconds`.
    [[nodiscard]] Result wait(int seconds = 60);
    /// Without waiting: true when it has ended.
    [[nodiscard]] bool ended();

  private:
    TempDir streams_;
    pid_t pid_ = -1;
    bool reaped_ = false;
    int status_ = 0;
};

/// The built kvctl, start to end.
[[nodiscard]] Result run_binary(const std::vector<std::string>& args);
[[nodiscard]] Result run(const Start& start);

}  // namespace kvctl::test
