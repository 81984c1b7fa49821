#pragma once
#include <string_view>
#include <vector>

namespace kvctl::raftlog {

/// Strict standard base64 with padding, as kvctl::base64_decode reads it, into a buffer that is used again
/// and again (its old content goes). False when `text` is not base64. Uses the CPU's byte shuffles where
/// there are any.
[[nodiscard]] bool fast_base64_decode(std::string_view text, std::vector<char>& out);

/// The same by table, whatever the CPU offers; what the fast one is tested against.
[[nodiscard]] bool portable_base64_decode(std::string_view text, std::vector<char>& out);

}  // namespace kvctl::raftlog
