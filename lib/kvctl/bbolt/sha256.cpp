#include "kvctl/bbolt/sha256.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/interrupt.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace kvctl::bbolt {
namespace {

// The first 32 bits of the fractions of the cube roots of the first 64 primes.
constexpr std::array<std::uint32_t, 64> k_round = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

using State = std::array<std::uint32_t, 8>;

void take_block(State& state, const char* block) noexcept {
    std::array<std::uint32_t, 64> w;
    for (std::size_t i = 0; i < 16; ++i) w[i] = be32(reinterpret_cast<const unsigned char*>(block) + 4 * i);
    for (std::size_t i = 16; i < 64; ++i) {
        const std::uint32_t a = w[i - 15];
        const std::uint32_t b = w[i - 2];
        w[i] = w[i - 16] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ (a >> 3)) + w[i - 7] +
               (std::rotr(b, 17) ^ std::rotr(b, 19) ^ (b >> 10));
    }
    State s = state;
    for (std::size_t i = 0; i < 64; ++i) {
        const std::uint32_t t1 = s[7] + (std::rotr(s[4], 6) ^ std::rotr(s[4], 11) ^ std::rotr(s[4], 25)) +
                                 ((s[4] & s[5]) ^ (~s[4] & s[6])) + k_round[i] + w[i];
        const std::uint32_t t2 = (std::rotr(s[0], 2) ^ std::rotr(s[0], 13) ^ std::rotr(s[0], 22)) +
                                 ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        s = {t1 + t2, s[0], s[1], s[2], s[3] + t1, s[4], s[5], s[6]};
    }
    for (std::size_t i = 0; i < 8; ++i) state[i] += s[i];
}

void take_blocks_portable(State& state, const char* blocks, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) take_block(state, blocks + 64 * i);
}

#if defined(__x86_64__)
// The CPU's own rounds (SHA-NI), two an instruction. The state is kept as ABEF and CDGH, as they want it.
__attribute__((target("sha,sse4.1,ssse3"))) void take_blocks_sha_ni(State& state, const char* blocks,
                                                                    std::size_t count) noexcept {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    const auto* const k = reinterpret_cast<const __m128i*>(k_round.data());
    const __m128i dcba = _mm_loadu_si128(reinterpret_cast<const __m128i*>(state.data()));
    const __m128i hgfe = _mm_loadu_si128(reinterpret_cast<const __m128i*>(state.data() + 4));
    const __m128i cdab = _mm_shuffle_epi32(dcba, 0xB1);
    const __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1B);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
    __m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xF0);
    for (; count > 0; --count, blocks += 64) {
        const __m128i abef_before = abef;
        const __m128i cdgh_before = cdgh;
        __m128i w[4];  // the sixteen words that the next rounds are made from
        for (std::size_t i = 0; i < 4; ++i) {
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(blocks) + i), swap);
        }
#pragma GCC unroll 16
        for (std::size_t i = 0; i < 16; ++i) {
            const __m128i wk = _mm_add_epi32(w[i % 4], _mm_loadu_si128(k + i));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(wk, 0x0E));
            // Four words ahead: w[t] from w[t-16], w[t-15], w[t-7] and w[t-2].
            const __m128i seven = _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4);
            const __m128i next = _mm_add_epi32(_mm_sha256msg1_epu32(w[i % 4], w[(i + 1) % 4]), seven);
            w[i % 4] = _mm_sha256msg2_epu32(next, w[(i + 3) % 4]);
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1B);
    const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(state.data()), _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(state.data() + 4), _mm_alignr_epi8(dchg, feba, 8));
}

bool has_sha_ni() noexcept {
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    constexpr unsigned k_ssse3_sse41 = 1U << 9 | 1U << 19;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & k_ssse3_sse41) != k_ssse3_sse41) return false;
    constexpr unsigned k_sha = 1U << 29;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & k_sha) != 0;
}
#endif

using TakeBlocks = void (*)(State&, const char*, std::size_t) noexcept;

TakeBlocks fastest() noexcept {
#if defined(__x86_64__)
    if (has_sha_ni()) return take_blocks_sha_ni;
#endif
    return take_blocks_portable;
}

std::string digest_of(std::string_view bytes, TakeBlocks take_blocks) {
    State state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    const std::size_t whole = bytes.size() / 64 * 64;
    constexpr std::size_t k_part = std::size_t{1} << 20;
    for (std::size_t at = 0; at < whole; at += k_part) {
        check_interrupt();
        take_blocks(state, bytes.data() + at, std::min(k_part, whole - at) / 64);
    }
    // The tail: a one bit, zeros, the length in bits.
    std::array<char, 128> tail{};
    const std::size_t rest = bytes.size() - whole;
    if (rest != 0) std::memcpy(tail.data(), bytes.data() + whole, rest);
    tail[rest] = static_cast<char>(0x80);
    const std::size_t size = rest < 56 ? 64 : 128;
    std::uint64_t bits = std::uint64_t{bytes.size()} * 8;
    for (std::size_t i = 1; i <= 8; ++i, bits >>= 8) tail[size - i] = static_cast<char>(bits & 0xFF);
    take_blocks(state, tail.data(), size / 64);

    std::string digest;
    for (const std::uint32_t word : state) {
        for (int shift = 24; shift >= 0; shift -= 8)
            digest.push_back(static_cast<char>((word >> shift) & 0xFF));
    }
    return digest;
}

}  // namespace

std::string sha256(std::string_view bytes) {
    static const TakeBlocks take_blocks = fastest();
    return digest_of(bytes, take_blocks);
}

std::string sha256_portable(std::string_view bytes) {
    return digest_of(bytes, take_blocks_portable);
}

}  // namespace kvctl::bbolt
