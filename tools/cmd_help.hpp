#pragma once
#include <string>

#include "tools/commands.hpp"

namespace kvctl::cli {

/// What `kvctl --help` prints: the commands, a line each.
[[nodiscard]] std::string describe_program();
/// What `kvctl COMMAND --help` prints: usage, summary, options.
[[nodiscard]] std::string describe_command(const Command& command);

}  // namespace kvctl::cli
