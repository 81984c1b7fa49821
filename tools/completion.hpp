#pragma once
#include <string>

namespace kvctl::cli {

// Scripts that teach a shell kvctl's commands and options, made from the command table.
[[nodiscard]] std::string bash_completion();
[[nodiscard]] std::string zsh_completion();
[[nodiscard]] std::string fish_completion();

}  // namespace kvctl::cli
