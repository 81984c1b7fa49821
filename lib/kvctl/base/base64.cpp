#include "kvctl/base/base64.hpp"

#include <array>
#include <cstdint>

#include "kvctl/base/bytes.hpp"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define KVCTL_BASE64_SSSE3 1
#elif defined(__aarch64__) && defined(__linux__)
#include <arm_neon.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#define KVCTL_BASE64_NEON 1
#endif

namespace kvctl {
namespace {

constexpr std::uint32_t k_bad = 0x80000000;
constexpr std::size_t k_slack = 16;  // a vector store writes beyond what it decoded

// One table a position, so that four characters become three bytes with four look-ups and no shift.
constexpr auto k_shifted = [] {
    std::array<std::array<std::uint32_t, 256>, 4> tables{};
    for (std::size_t place = 0; place < 4; ++place) {
        tables[place].fill(k_bad);
        for (std::size_t i = 0; i < k_base64_alphabet.size(); ++i) {
            tables[place][static_cast<unsigned char>(k_base64_alphabet[i])] = static_cast<std::uint32_t>(i)
                                                                              << (6 * (3 - place));
        }
    }
    return tables;
}();

std::uint32_t four(const char* in) noexcept {
    const auto at = [&](std::size_t i) { return k_shifted[i][static_cast<unsigned char>(in[i])]; };
    return at(0) | at(1) | at(2) | at(3);
}

void store_three(char* out, std::uint32_t word) noexcept {
    out[0] = static_cast<char>(word >> 16);
    out[1] = static_cast<char>((word >> 8) & 0xFF);
    out[2] = static_cast<char>(word & 0xFF);
}

#ifdef KVCTL_BASE64_SSSE3
// Sixteen characters a round into twelve bytes. Returns how many characters were decoded: all that fill a
// round, or up to the first round with a character outside the alphabet, which the caller then runs into.
//
// A character's two halves each select a set of classes, and a character is bad when the sets meet. Its value
// is itself plus an offset that depends on the upper half, and for '/' on being '/'.
__attribute__((target("ssse3"))) std::size_t decode_rounds(const char* in, std::size_t n,
                                                           char* out) noexcept {
    const __m128i low_classes = _mm_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
                                              0x13, 0x1A, 0x1B, 0x1B, 0x1B, 0x1A);
    const __m128i high_classes = _mm_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10,
                                               0x10, 0x10, 0x10, 0x10, 0x10, 0x10);
    const __m128i offsets = _mm_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m128i order = _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    const __m128i half = _mm_set1_epi8(0x0F);
    std::size_t done = 0;
    for (; n - done >= 16; done += 16, out += 12) {
        const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + done));
        const __m128i high = _mm_and_si128(_mm_srli_epi32(text, 4), half);
        const __m128i low = _mm_and_si128(text, half);
        const __m128i clash =
            _mm_and_si128(_mm_shuffle_epi8(low_classes, low), _mm_shuffle_epi8(high_classes, high));
        if (_mm_movemask_epi8(_mm_cmpeq_epi8(clash, _mm_setzero_si128())) != 0xFFFF) break;
        const __m128i is_slash = _mm_cmpeq_epi8(text, _mm_set1_epi8('/'));
        const __m128i values = _mm_add_epi8(text, _mm_shuffle_epi8(offsets, _mm_add_epi8(is_slash, high)));
        const __m128i twelves = _mm_maddubs_epi16(values, _mm_set1_epi32(0x01400140));
        const __m128i words = _mm_madd_epi16(twelves, _mm_set1_epi32(0x00011000));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(words, order));
    }
    return done;
}
#elif defined(KVCTL_BASE64_NEON)
// The value of each ASCII character; 0xFF where it is outside the alphabet.
constexpr auto k_values = [] {
    std::array<std::uint8_t, 128> values{};
    values.fill(0xFF);
    for (std::size_t i = 0; i < k_base64_alphabet.size(); ++i)
        values[static_cast<unsigned char>(k_base64_alphabet[i])] = static_cast<std::uint8_t>(i);
    return values;
}();

// The same, 64 characters a round into 48 bytes: four registers, of which each takes every fourth character,
// are looked up in the two halves of the table. A look-up beyond a half leaves what was there.
std::size_t decode_rounds(const char* in, std::size_t n, char* out) noexcept {
    const auto half = [](std::size_t from) {
        const std::uint8_t* const at = k_values.data() + from;
        return uint8x16x4_t{{vld1q_u8(at), vld1q_u8(at + 16), vld1q_u8(at + 32), vld1q_u8(at + 48)}};
    };
    const uint8x16x4_t low = half(0);
    const uint8x16x4_t high = half(64);
    std::size_t done = 0;
    for (; n - done >= 64; done += 64, out += 48) {
        uint8x16x4_t v = vld4q_u8(reinterpret_cast<const std::uint8_t*>(in + done));
        uint8x16_t all = vdupq_n_u8(0);
        for (uint8x16_t& text : v.val) {
            const uint8x16_t found = vqtbx4q_u8(vdupq_n_u8(0xFF), low, text);
            text = vqtbx4q_u8(found, high, vsubq_u8(text, vdupq_n_u8(64)));
            all = vorrq_u8(all, text);
        }
        if (vmaxvq_u8(all) > 63) break;
        const uint8x16x3_t bytes{{vorrq_u8(vshlq_n_u8(v.val[0], 2), vshrq_n_u8(v.val[1], 4)),
                                  vorrq_u8(vshlq_n_u8(v.val[1], 4), vshrq_n_u8(v.val[2], 2)),
                                  vorrq_u8(vshlq_n_u8(v.val[2], 6), v.val[3])}};
        vst3q_u8(reinterpret_cast<std::uint8_t*>(out), bytes);
    }
    return done;
}
#endif

template <class Buffer>
bool decode(std::string_view text, Buffer& out, bool rounds) {
    out.clear();
    if (text.empty()) return true;
    if (text.size() % 4 != 0) return false;
    const std::size_t size = text.size() / 4 * 3;
    out.resize(size + k_slack);
    std::size_t done = 0;
    const std::size_t whole = text.size() - 4;  // the last group may be padded
#if defined(KVCTL_BASE64_SSSE3) || defined(KVCTL_BASE64_NEON)
    if (rounds) done = decode_rounds(text.data(), whole, out.data());
#else
    static_cast<void>(rounds);
#endif
    std::uint32_t seen = 0;
    for (; done < whole; done += 4) {
        const std::uint32_t word = four(text.data() + done);
        seen |= word;
        store_three(out.data() + done / 4 * 3, word);
    }
    const char* const in = text.data() + whole;
    const std::size_t pad = in[3] != '=' ? 0 : in[2] != '=' ? 1 : 2;
    const std::array<char, 4> last = {in[0], in[1], pad == 2 ? 'A' : in[2], pad >= 1 ? 'A' : in[3]};
    const std::uint32_t word = four(last.data());
    const std::uint32_t unused = pad == 2 ? 0xFFFF : pad == 1 ? 0xFF : 0;
    store_three(out.data() + whole / 4 * 3, word);
    out.resize(size - pad);
    return ((seen | word) & k_bad) == 0 && (word & unused) == 0;
}

bool has_rounds() noexcept {
#ifdef KVCTL_BASE64_SSSE3
    static const bool has = __builtin_cpu_supports("ssse3") != 0;
    return has;
#elif defined(KVCTL_BASE64_NEON)
    static const bool has = (::getauxval(AT_HWCAP) & HWCAP_ASIMD) != 0;
    return has;
#else
    return false;
#endif
}

}  // namespace

std::string base64_encode(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t n = bytes.size() - i < 3 ? bytes.size() - i : 3;
        std::uint32_t w = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            w = (w << 8) | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0U);
        }
        out += k_base64_alphabet[w >> 18];
        out += k_base64_alphabet[(w >> 12) & 63];
        out += n > 1 ? k_base64_alphabet[(w >> 6) & 63] : '=';
        out += n > 2 ? k_base64_alphabet[w & 63] : '=';
    }
    return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
    std::string out;
    if (!decode(text, out, has_rounds())) return std::nullopt;
    return out;
}

bool base64_decode_into(std::vector<char>& out, std::string_view text) {
    return decode(text, out, has_rounds());
}

bool base64_decode_portable(std::vector<char>& out, std::string_view text) {
    return decode(text, out, false);
}

}  // namespace kvctl
