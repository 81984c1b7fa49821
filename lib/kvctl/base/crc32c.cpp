#include "kvctl/base/crc32c.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace kvctl {
namespace {

constexpr std::uint32_t k_polynomial = 0x82F63B78U;

constexpr std::array<std::array<std::uint32_t, 256>, 8> k_tables = [] {
    std::array<std::array<std::uint32_t, 256>, 8> t{};
    for (std::uint32_t n = 0; n < 256; ++n) {
        std::uint32_t c = n;
        for (int k = 0; k < 8; ++k) c = (c & 1) != 0 ? (c >> 1) ^ k_polynomial : c >> 1;
        t[0][n] = c;
    }
    for (std::uint32_t n = 0; n < 256; ++n) {
        for (std::size_t k = 1; k < 8; ++k) t[k][n] = (t[k - 1][n] >> 8) ^ t[0][t[k - 1][n] & 0xFF];
    }
    return t;
}();

// a * b modulo the polynomial, bits reflected: the operator "append zero bytes" is such a product.
constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b) noexcept {
    std::uint32_t product = 0;
    for (std::uint32_t bit = 0x80000000U; bit != 0; bit >>= 1) {
        if ((a & bit) != 0) product ^= b;
        b = (b & 1) != 0 ? (b >> 1) ^ k_polynomial : b >> 1;
    }
    return product;
}

// k_shift[i] = x^(8 * 2^i): appends 2^i zero bytes.
constexpr std::array<std::uint32_t, 64> k_shift = [] {
    std::array<std::uint32_t, 64> s{};
    std::uint32_t p = 0x40000000U;  // x^1
    for (int i = 0; i < 3; ++i) p = multiply(p, p);
    for (auto& x : s) {
        x = p;
        p = multiply(p, p);
    }
    return s;
}();

#if defined(__x86_64__)
#define KVCTL_CRC_TARGET "sse4.2"
bool has_instructions() noexcept {
    return __builtin_cpu_supports("sse4.2") != 0;
}
__attribute__((target(KVCTL_CRC_TARGET))) inline std::uint64_t with_word(std::uint64_t c,
                                                                         std::uint64_t w) noexcept {
    return _mm_crc32_u64(c, w);
}
__attribute__((target(KVCTL_CRC_TARGET))) inline std::uint64_t with_byte(std::uint64_t c,
                                                                         unsigned char b) noexcept {
    return _mm_crc32_u8(static_cast<std::uint32_t>(c), b);
}
#elif defined(__aarch64__) && defined(__linux__)
// ARMv8.0 has them as an extension, 8.1 always.
#define KVCTL_CRC_TARGET "+crc"
bool has_instructions() noexcept {
    return (::getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
}
__attribute__((target(KVCTL_CRC_TARGET))) inline std::uint64_t with_word(std::uint64_t c,
                                                                         std::uint64_t w) noexcept {
    return __crc32cd(static_cast<std::uint32_t>(c), w);
}
__attribute__((target(KVCTL_CRC_TARGET))) inline std::uint64_t with_byte(std::uint64_t c,
                                                                         unsigned char b) noexcept {
    return __crc32cb(static_cast<std::uint32_t>(c), b);
}
#endif

#if defined(KVCTL_CRC_TARGET)
__attribute__((target(KVCTL_CRC_TARGET))) std::uint32_t crc32c_by_instructions(
    std::uint32_t crc, std::string_view bytes) noexcept {
    std::uint64_t c = crc ^ 0xFFFFFFFFU;
    const char* p = bytes.data();
    std::size_t n = bytes.size();
    std::uint64_t w = 0;
    // Few instructions a word let the CPU begin the next call's words before it is through with these.
    for (; n >= 64; n -= 64) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i, p += 8) {
            std::memcpy(&w, p, 8);
            c = with_word(c, w);
        }
    }
    for (; n >= 8; p += 8, n -= 8) {
        std::memcpy(&w, p, 8);
        c = with_word(c, w);
    }
    for (; n > 0; ++p, --n) c = with_byte(c, static_cast<unsigned char>(*p));
    return static_cast<std::uint32_t>(c) ^ 0xFFFFFFFFU;
}
#endif

}  // namespace

std::uint32_t crc32c_portable(std::uint32_t crc, std::string_view bytes) noexcept {
    std::uint32_t c = crc ^ 0xFFFFFFFFU;
    const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
    std::size_t n = bytes.size();
    for (; n >= 8; p += 8, n -= 8) {
        const std::uint32_t lo =
            c ^ (static_cast<std::uint32_t>(p[0]) | static_cast<std::uint32_t>(p[1]) << 8 |
                 static_cast<std::uint32_t>(p[2]) << 16 | static_cast<std::uint32_t>(p[3]) << 24);
        c = k_tables[7][lo & 0xFF] ^ k_tables[6][(lo >> 8) & 0xFF] ^ k_tables[5][(lo >> 16) & 0xFF] ^
            k_tables[4][lo >> 24] ^ k_tables[3][p[4]] ^ k_tables[2][p[5]] ^ k_tables[1][p[6]] ^
            k_tables[0][p[7]];
    }
    for (; n > 0; ++p, --n) c = (c >> 8) ^ k_tables[0][(c ^ *p) & 0xFF];
    return c ^ 0xFFFFFFFFU;
}

std::uint32_t crc32c(std::uint32_t crc, std::string_view bytes) noexcept {
#if defined(KVCTL_CRC_TARGET)
    static const bool k_has_instructions = has_instructions();
    if (k_has_instructions) return crc32c_by_instructions(crc, bytes);
#endif
    return crc32c_portable(crc, bytes);
}

std::uint32_t crc32c_combine(std::uint32_t crc_a, std::uint32_t crc_b, std::uint64_t length_b) noexcept {
    for (std::size_t i = 0; length_b != 0; ++i, length_b >>= 1) {
        if ((length_b & 1) != 0) crc_a = multiply(k_shift[i], crc_a);
    }
    return crc_a ^ crc_b;
}

}  // namespace kvctl
