#include "kvctl/dqlite/crc.hpp"

#include <array>
#include <cstddef>

#include "kvctl/base/bytes.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace kvctl::dqlite {
namespace {

// k_tables[k][b]: what byte b does k bytes further on, so that eight bytes are taken at a time. Segments are
// read whole for every command; a byte at a time this was most of the work, and eight at a time a sixth of
// it.
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

std::uint32_t by_tables(const unsigned char* at, std::size_t n, std::uint32_t crc) noexcept {
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

#if defined(__x86_64__)
// x^n modulo the polynomial, over GF(2).
constexpr std::int64_t power_of_x(unsigned n) {
    std::uint32_t r = 1;
    for (; n > 0; --n) r = (r & 0x80000000U) != 0 ? (r << 1) ^ 0x04C11DB7U : r << 1;
    return r;
}

constexpr std::size_t k_block = 16;
constexpr std::size_t k_stride = 4 * k_block;

// The bytes as the polynomial they stand for: the first one's highest bit is the highest power.
__attribute__((target("pclmul,ssse3"), always_inline)) inline __m128i load(const unsigned char* at) noexcept {
    const __m128i swap = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)), swap);
}

// What is congruent to `a` so many bits further on: its halves times the powers in `by`, which are of 32
// bits.
__attribute__((target("pclmul,ssse3"), always_inline)) inline __m128i shift(__m128i a, __m128i by) noexcept {
    return _mm_xor_si128(_mm_clmulepi64_si128(a, by, 0x11), _mm_clmulepi64_si128(a, by, 0x00));
}

// Folds all but the last bytes into one block of sixteen that has the same remainder (the carry-less product
// is an instruction of the CPU's); n is at least k_stride.
__attribute__((target("pclmul,ssse3"))) std::uint32_t by_folding(const unsigned char* at, std::size_t n,
                                                                 std::uint32_t crc) noexcept {
    const __m128i by_stride = _mm_set_epi64x(power_of_x(8 * k_stride + 64), power_of_x(8 * k_stride));
    const __m128i by_block = _mm_set_epi64x(power_of_x(8 * k_block + 64), power_of_x(8 * k_block));
    __m128i fold[4];
    for (std::size_t i = 0; i < 4; ++i) fold[i] = load(at + i * k_block);
    fold[0] = _mm_xor_si128(fold[0], _mm_set_epi32(static_cast<int>(crc), 0, 0, 0));
    for (at += k_stride, n -= k_stride; n >= k_stride; at += k_stride, n -= k_stride) {
        for (std::size_t i = 0; i < 4; ++i)
            fold[i] = _mm_xor_si128(shift(fold[i], by_stride), load(at + i * k_block));
    }
    __m128i one = fold[0];
    for (std::size_t i = 1; i < 4; ++i) one = _mm_xor_si128(shift(one, by_block), fold[i]);
    std::array<unsigned char, k_block> last{};
    const __m128i swap = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(last.data()), _mm_shuffle_epi8(one, swap));
    return by_tables(at, n, by_tables(last.data(), last.size(), 0));
}

bool can_fold() noexcept {
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    constexpr unsigned k_pclmul_ssse3 = 1U << 1 | 1U << 9;
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & k_pclmul_ssse3) == k_pclmul_ssse3;
}
#endif

}  // namespace

std::uint32_t crc32(std::string_view bytes, std::uint32_t crc) noexcept {
    const auto* const at = reinterpret_cast<const unsigned char*>(bytes.data());
#if defined(__x86_64__)
    static const bool k_folds = can_fold();
    if (k_folds && bytes.size() >= k_stride) return by_folding(at, bytes.size(), crc);
#endif
    return by_tables(at, bytes.size(), crc);
}

}  // namespace kvctl::dqlite
