#pragma once
#include <string>

namespace kvctl::test {

/// Where this build's sources and programs lie. The only file that is compiled with paths of the machine, so
/// that a compiler cache serves every clone.
[[nodiscard]] std::string source_dir();
/// The built kvctl.
[[nodiscard]] std::string kvctl_exe();

}  // namespace kvctl::test
