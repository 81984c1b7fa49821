#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kvctl {

/// Well-formed UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF).
[[nodiscard]] bool is_utf8(std::string_view bytes) noexcept;

/// Standard base64 with padding.
[[nodiscard]] std::string base64_encode(std::string_view bytes);
/// Strict: padding required, no white space; nullopt when it is not base64.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

/// For a terminal: printable UTF-8 as it is; control characters, DEL, C1 controls, bidirectional overrides,
/// backslash and bytes that are not UTF-8 as `\n \r \t \\ \xHH`.
[[nodiscard]] std::string escape(std::string_view bytes);

/// The same but for backslashes, which stay: for a message, some parts of which are escaped already.
[[nodiscard]] std::string printable(std::string_view text);

/// Four bytes, the most significant first.
[[nodiscard]] inline std::uint32_t be32(const unsigned char* at) noexcept {
    return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 | at[3];
}

/// Eight, the most significant first.
[[nodiscard]] inline std::uint64_t be64(const unsigned char* at) noexcept {
    return std::uint64_t{be32(at)} << 32 | be32(at + 4);
}
/// Four, the least significant first.
[[nodiscard]] inline std::uint32_t le32(const unsigned char* at) noexcept {
    return std::uint32_t{at[3]} << 24 | std::uint32_t{at[2]} << 16 | std::uint32_t{at[1]} << 8 | at[0];
}

/// Lower-case hex of a number, without leading zeros ("0" for 0).
[[nodiscard]] std::string hex(std::uint64_t value);
/// The number that hex digits and nothing else are; nullopt for anything else, and one above 2^64-1.
[[nodiscard]] std::optional<std::uint64_t> parse_hex(std::string_view digits) noexcept;
/// Eight lower-case hex digits.
[[nodiscard]] std::string hex32(std::uint32_t value);

}  // namespace kvctl
