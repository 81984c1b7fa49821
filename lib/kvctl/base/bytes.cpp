#include "kvctl/base/bytes.hpp"

#include <array>
#include <charconv>
#include <cstddef>

namespace kvctl {
namespace {

constexpr std::string_view k_hex = "0123456789abcdef";

struct Decoded {
    std::size_t length;  // 0: not UTF-8 here
    std::uint32_t code;
};

Decoded decode_utf8(std::string_view s) noexcept {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
    const unsigned char lead = at(0);
    if (lead < 0x80) return {1, lead};
    std::size_t n = 0;
    std::uint32_t code = 0;
    std::uint32_t least = 0;
    if ((lead & 0xE0) == 0xC0) {
        n = 2, code = lead & 0x1FU, least = 0x80;
    } else if ((lead & 0xF0) == 0xE0) {
        n = 3, code = lead & 0x0FU, least = 0x800;
    } else if ((lead & 0xF8) == 0xF0) {
        n = 4, code = lead & 0x07U, least = 0x10000;
    } else {
        return {0, 0};
    }
    if (s.size() < n) return {0, 0};
    for (std::size_t i = 1; i < n; ++i) {
        if ((at(i) & 0xC0) != 0x80) return {0, 0};
        code = (code << 6) | (at(i) & 0x3FU);
    }
    if (code < least || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {0, 0};
    return {n, code};
}

// Characters that move the cursor, hide text or turn its direction round.
bool is_unprintable(std::uint32_t code) noexcept {
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x061C ||
           (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
           (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF;
}

void append_hex_byte(std::string& out, unsigned char byte) {
    out += "\\x";
    out += k_hex[byte >> 4];
    out += k_hex[byte & 15];
}

std::string escaped(std::string_view bytes, bool backslashes) {
    std::string out;
    out.reserve(bytes.size());
    while (!bytes.empty()) {
        const Decoded d = decode_utf8(bytes);
        const std::size_t n = d.length == 0 ? 1 : d.length;
        if (backslashes && d.length != 0 && d.code == '\\') {
            out += "\\\\";
        } else if (d.length != 0 && !is_unprintable(d.code)) {
            out += bytes.substr(0, n);
        } else if (bytes[0] == '\n') {
            out += "\\n";
        } else if (bytes[0] == '\r') {
            out += "\\r";
        } else if (bytes[0] == '\t') {
            out += "\\t";
        } else {
            for (std::size_t i = 0; i < n; ++i) append_hex_byte(out, static_cast<unsigned char>(bytes[i]));
        }
        bytes.remove_prefix(n);
    }
    return out;
}

}  // namespace

bool is_utf8(std::string_view bytes) noexcept {
    while (!bytes.empty()) {
        const Decoded d = decode_utf8(bytes);
        if (d.length == 0) return false;
        bytes.remove_prefix(d.length);
    }
    return true;
}

std::string escape(std::string_view bytes) {
    return escaped(bytes, true);
}

std::string printable(std::string_view text) {
    return escaped(text, false);
}

std::string hex(std::uint64_t value) {
    std::string out;
    do {
        out.insert(out.begin(), k_hex[value & 15]);
        value >>= 4;
    } while (value != 0);
    return out;
}

std::optional<std::uint64_t> parse_hex(std::string_view digits) noexcept {
    std::uint64_t value = 0;
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (fault != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return value;
}

std::string hex32(std::uint32_t value) {
    std::string out(8, '0');
    for (std::size_t i = 8; i-- > 0; value >>= 4) out[i] = k_hex[value & 15];
    return out;
}

}  // namespace kvctl
