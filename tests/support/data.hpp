#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace kvctl::test {

/// Path of a file under testdata/, which every clone has.
[[nodiscard]] std::string testdata(std::string_view name);

/// Path of a file or folder of the recorded data outside the repository (environment variable KVCTL_SHARED,
/// or `shared` beside the source tree); nullopt with a doctest MESSAGE when it is not there, and the test has
/// nothing to do.
[[nodiscard]] std::optional<std::string> shared(std::string_view name);

}  // namespace kvctl::test
