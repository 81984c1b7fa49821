#pragma once
#include <stdexcept>
#include <string>
#include <string_view>

namespace kvctl {

/// Why something asked for could not be done. Each kind has one exit code (kvctl(1), EXIT STATUS).
enum class ErrorKind {
    internal,          ///< 1: a broken promise of ours
    usage,             ///< 2: option, value, operand or combination
    findings,          ///< 3: looked for findings and saw one
    future_revision,   ///< 4: above the current revision
    compacted,         ///< 4: a read below the compact revision
    in_use,            ///< 4: another process has a WAL-mode store open
    no_space,          ///< 4: the check beforehand says the disk is too small
    read_only_layout,  ///< 4: this layout is never written
    refused,           ///< 4: any other rule
    busy,              ///< 5: a lock was not obtained in time
    not_a_store,       ///< 6: empty, not SQLite, another schema
    damaged,           ///< 6: truncated, malformed, rows of the wrong type
    io,                ///< 7: the operating system said no
    interrupted,       ///< 130 or 143: SIGINT, SIGTERM
};

/// Could not do what was asked. The message names the file and, where there is one, the row or revision; it
/// never holds a stored value. Thrown anywhere, caught once, in tools/cli.cpp.
class Error : public std::runtime_error {
  public:
    Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
    [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }

  private:
    ErrorKind kind_;
};

/// The contract's word for a kind, e.g. "future-revision".
[[nodiscard]] std::string_view kind_name(ErrorKind kind) noexcept;

/// The process's exit code for a kind. `interrupted` yields 130; the caller that knows the signal refines it.
[[nodiscard]] int exit_code(ErrorKind kind) noexcept;

/// What the command line asks for cannot be: option, value, operand or combination.
[[nodiscard]] Error usage_error(const std::string& message);

/// `path: what: strerror(errno_value)` as an `io` Error.
[[nodiscard]] Error io_error(const std::string& path, const std::string& what, int errno_value);

}  // namespace kvctl
