#pragma once
#include <string_view>
#include <vector>

// Standard base64 with padding; base64_encode() and base64_decode() of bytes.hpp are defined beside these.
namespace kvctl {

inline constexpr std::string_view k_base64_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// base64_decode() into a buffer that is used again and again (its old content goes). False when `text` is
/// not base64. Uses the CPU's byte shuffles where there are any, as base64_decode() does.
[[nodiscard]] bool base64_decode_into(std::vector<char>& out, std::string_view text);

/// The same by table, whatever the CPU offers; what the fast one is tested against.
[[nodiscard]] bool base64_decode_portable(std::vector<char>& out, std::string_view text);

}  // namespace kvctl
