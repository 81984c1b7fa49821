#pragma once
#include <string>
#include <string_view>

namespace kvctl::bbolt {

/// The 32 bytes of SHA-256 (FIPS 180-4).
[[nodiscard]] std::string sha256(std::string_view bytes);
/// The same without the CPU's own instructions for it, whether there are any or not.
[[nodiscard]] std::string sha256_portable(std::string_view bytes);

}  // namespace kvctl::bbolt
