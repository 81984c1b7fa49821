#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace kvctl {

/// For people: "0 B", "1,023 B", "1.5 MiB", "3.0 GiB"; one decimal, IEC units.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);
/// With the exact number behind: "1.5 MiB (1,572,864 bytes)"; below 1 KiB just "512 bytes".
[[nodiscard]] std::string format_bytes_exact(std::uint64_t bytes);
/// Thousands apart: "1,234,567".
[[nodiscard]] std::string group_digits(std::int64_t number);
[[nodiscard]] std::string group_digits(std::uint64_t number);
/// "1 row", "1,234 rows"; "1 entry", "2 entries".
[[nodiscard]] std::string many(std::uint64_t n, std::string_view what);

/// A word as a shell takes it.
[[nodiscard]] std::string shell_quoted(const std::string& word);

}  // namespace kvctl
