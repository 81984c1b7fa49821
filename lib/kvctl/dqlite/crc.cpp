#include "kvctl/dqlite/crc.hpp"

#include <array>
#include <cstddef>

#include "kvctl/base/bytes.hpp"

namespace kvctl::dqlite {
namespace {

// k_tables[k][b]: what byte b does k bytes further on, so that eight bytes are taken at a time. Segments are
// read whole for every command; a byte at a time this was most of the work.
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
    Tables t{};
    for (std::uint32_t b = 0; b < 256; ++b) {
        std::uint32_t crc = b << 24;
        for (int bit = 0; bit < 8; ++bit)
            crc = (crc & 0x80000000U) != 0 ? (crc << 1) ^ 0x04C11DB7U : crc << 1;
        t[0][b] = crc;
    }
    for (std::size_t k = 1; k < 8; ++k) {
        for (std::size_t b = 0; b < 256; ++b) t[k][b] = (t[k - 1][b] << 8) ^ t[0][t[k - 1][b] >> 24];
    }
    return t;
}

constexpr Tables k_tables = make_tables();

}  // namespace

std::uint32_t crc32(std::string_view bytes, std::uint32_t crc) noexcept {
    const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
    std::size_t n = bytes.size();
    for (; n >= 8; n -= 8, at += 8) {
        const std::uint32_t a = crc ^ be32(at);
        const std::uint32_t b = be32(at + 4);
        crc = k_tables[7][a >> 24] ^ k_tables[6][a >> 16 & 0xFF] ^ k_tables[5][a >> 8 & 0xFF] ^
              k_tables[4][a & 0xFF] ^ k_tables[3][b >> 24] ^ k_tables[2][b >> 16 & 0xFF] ^
              k_tables[1][b >> 8 & 0xFF] ^ k_tables[0][b & 0xFF];
    }
    for (; n > 0; --n, ++at) crc = (crc << 8) ^ k_tables[0][(crc >> 24) ^ *at];
    return crc;
}

}  // namespace kvctl::dqlite
