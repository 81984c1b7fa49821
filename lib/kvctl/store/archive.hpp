#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kvctl/base/fd.hpp"

namespace kvctl::store {

/// How much of a file tells a store: bbolt's second meta may stand as far as 64 KiB in.
inline constexpr std::size_t k_store_start = std::size_t{128} * 1024;
/// Whether a file that begins with these bytes (k_store_start of them, or all there is) is one of a layout
/// that is a single file.
[[nodiscard]] bool looks_like_store(std::string_view first_bytes);

/// Whether a file that begins with these bytes (512 of them, or all there is) is compressed or an archive:
/// gzip, zstd, xz, bzip2, lz4, zip, tar.
[[nodiscard]] bool looks_like_archive(std::string_view first_bytes) noexcept;
/// Of any file; false for what is none.
[[nodiscard]] bool is_archive(const std::string& real_path);

/// Whether a file is a compressed history file (history_file.hpp); one in an archive of several is none.
/// Throws io, and damaged for one that cannot be unpacked at all.
[[nodiscard]] bool is_packed_history(const std::string& real_path);

/// The one store that an archive holds, or the history file that was compressed, unpacked into a file without
/// a name, which goes with this object.
class Unpacked {
  public:
    /// Archives in archives are followed. Throws usage with their names where there are several stores and
    /// `member` names none of them, not_a_store where there is none, damaged with the archive's own error,
    /// no_space before more is written than the folder of temporary files has room for.
    Unpacked(const std::string& path, const std::optional<std::string>& member);

    /// A name to open it by, as long as this lives.
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

  private:
    Fd fd_;
    std::string path_;
};

}  // namespace kvctl::store
