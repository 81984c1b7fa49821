#pragma once
#include <cstdint>
#include <string_view>

namespace kvctl::dqlite {

/// dqlite's checksum of segments and snapshot descriptions: CRC-32 with polynomial 0x04C11DB7, most
/// significant bit first, begun with 0 and not inverted at the end (zlib's is another). `crc` is what the
/// bytes before gave.
[[nodiscard]] std::uint32_t crc32(std::string_view bytes, std::uint32_t crc = 0) noexcept;

}  // namespace kvctl::dqlite
