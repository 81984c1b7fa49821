#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kvctl {

/// A file mapped for reading that may shrink under its reader, or lie on a disk that fails. The kernel
/// answers a read of such a page with SIGBUS; here the page reads as zeros instead, and lost() tells.
///
/// The first mapping installs a handler of SIGBUS for the process. Faults elsewhere go to the handler that
/// was there before.
class MappedFile {
  public:
    MappedFile() = default;
    /// Maps `size` bytes (not 0) of an open file; `name` is for take_lost(). Throws std::system_error.
    MappedFile(int fd, std::size_t size, std::string name);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;

    [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
    /// A page was read that could not be had.
    [[nodiscard]] bool lost() const noexcept;

    /// The name of a file to whose mapping that happened since the last call. For the end of a run, when the
    /// mapping itself may be gone.
    [[nodiscard]] static std::optional<std::string> take_lost();

  private:
    std::string_view bytes_;
    std::size_t slot_ = 0;  // in the table the handler looks into, from 1; 0: none
};

}  // namespace kvctl
