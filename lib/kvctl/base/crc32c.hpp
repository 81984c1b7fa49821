#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kvctl {

/// CRC-32C (Castagnoli, reflected 0x82F63B78, all-ones in and out) of `bytes` appended to what `crc` already
/// covers; start with 0. Uses the CPU's instruction where there is one. crc32c(0, "123456789") = 0xE3069283.
[[nodiscard]] std::uint32_t crc32c(std::uint32_t crc, std::string_view bytes) noexcept;

/// The same by table, whatever the CPU offers; what the fast one is tested against.
[[nodiscard]] std::uint32_t crc32c_portable(std::uint32_t crc, std::string_view bytes) noexcept;

/// The CRC of A followed by B, from crc32c(0, A), crc32c(0, B) and B's length.
[[nodiscard]] std::uint32_t crc32c_combine(std::uint32_t crc_a, std::uint32_t crc_b,
                                           std::uint64_t length_b) noexcept;

}  // namespace kvctl
