#pragma once
#include <cstdint>
#include <string>

namespace kvctl {

/// Whether two names lead to one file.
[[nodiscard]] bool same_file(const std::string& a, const std::string& b) noexcept;
/// 0 when there is no such file.
[[nodiscard]] std::uint64_t file_size(const std::string& path) noexcept;

}  // namespace kvctl
