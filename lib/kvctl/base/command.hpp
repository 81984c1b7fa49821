#pragma once
#include <string>

#include "kvctl/base/text.hpp"

namespace kvctl {

/// A file behind a command's options, ready for a shell: " STORE", behind "--" where it would be taken for
/// one.
[[nodiscard]] inline std::string operand(const std::string& path) {
    return (path.starts_with('-') ? " -- " : " ") + shell_quoted(path);
}

/// A command in a sentence: between quotes, of the kind that it does not hold itself.
[[nodiscard]] inline std::string quoted_command(const std::string& command) {
    const char* const quote = command.find('\'') == std::string::npos ? "'" : "\"";
    return quote + command + quote;
}

/// "'kvctl check FILE'": what `words` begin, on a file, as a sentence names it.
[[nodiscard]] inline std::string command_on(const std::string& path, const std::string& words) {
    return quoted_command("kvctl " + words + operand(path));
}

}  // namespace kvctl
