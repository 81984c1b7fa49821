#pragma once
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

#include "kvctl/base/error.hpp"

namespace kvctl::fuzz {

/// What no input may bring about: a crash for the fuzzer, a failure in a test.
class BrokenPromise : public std::logic_error {
  public:
    using std::logic_error::logic_error;
};

inline void promise(bool kept, const std::string& what) {
    if (!kept) throw BrokenPromise(what);
}

/// Runs `f`; false when it ended with an Error, the expected answer to damage. One of kind `internal` is a
/// broken promise, and so is every other exception.
template <class F>
bool survives(F f) {
    try {
        f();
        return true;
    } catch (const Error& e) {
        promise(e.kind() != ErrorKind::internal, std::string("an internal error: ") + e.what());
        return false;
    }
}

/// A file without a name on any disk, for one input after the other.
class MemoryFile {
  public:
    MemoryFile();
    ~MemoryFile();
    /// From now on these bytes are its content.
    void write(std::string_view bytes);
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

  private:
    int fd_;
};

/// A folder in memory where there is one, removed when the process ends well.
[[nodiscard]] const std::filesystem::path& scratch_folder();

/// Makes these bytes the content of a file: the one that stands there, or a new one.
void overwrite_file(const std::string& path, std::string_view bytes);

/// Bytes taken off the front of an input; zeros once it is used up.
class Input {
  public:
    explicit Input(std::string_view bytes) : left_(bytes) {}
    [[nodiscard]] bool empty() const noexcept { return left_.empty(); }
    [[nodiscard]] std::uint8_t byte() noexcept { return static_cast<std::uint8_t>(number(1)); }
    /// Little-endian.
    [[nodiscard]] std::uint64_t number(std::size_t bytes) noexcept;
    [[nodiscard]] std::string_view bytes(std::size_t n) noexcept;

  private:
    std::string_view left_;
};

}  // namespace kvctl::fuzz
