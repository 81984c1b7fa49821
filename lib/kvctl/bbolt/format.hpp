#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "kvctl/base/strong.hpp"

/// bbolt's file format, the little of it that reading needs. All integers are little-endian.
///
/// A file is an array of pages of one size. Pages 0 and 1 are metas; the valid one with the larger
/// transaction id names the root bucket's page. A page is a header and its elements, and may go on over
/// `overflow` further pages.
namespace kvctl::bbolt {

using PageId = Strong<struct PageIdTag, std::uint64_t>;

inline constexpr std::uint32_t k_magic = 0xED0CDAED;
inline constexpr std::uint32_t k_version = 2;
inline constexpr std::size_t k_page_header = 16;
inline constexpr std::size_t k_element = 16;        ///< of a leaf or branch page's table
inline constexpr std::size_t k_bucket_header = 16;  ///< root page, sequence
inline constexpr std::size_t k_meta_bytes = 64;     ///< behind the page header
inline constexpr std::size_t k_digest_bytes = 32;   ///< SHA-256 behind a snapshot file's last page
inline constexpr std::size_t k_min_page_size = 1024;
inline constexpr std::size_t k_max_page_size = std::size_t{1024} << 14;
inline constexpr PageId k_no_freelist{0xFFFFFFFFFFFFFFFF};
/// Far above what a real tree reaches: sixteen levels of two keys each already hold 65536 pages.
inline constexpr std::size_t k_max_depth = 32;

// Page flags; on disk, never to change.
inline constexpr std::uint16_t k_branch_page = 0x01;
inline constexpr std::uint16_t k_leaf_page = 0x02;
inline constexpr std::uint16_t k_meta_page = 0x04;
inline constexpr std::uint16_t k_freelist_page = 0x10;
/// Leaf element flag: the value is a bucket.
inline constexpr std::uint32_t k_bucket_leaf = 0x01;

/// Unaligned little-endian loads.
[[nodiscard]] inline std::uint16_t load_u16(const char* at) noexcept {
    const auto* b = reinterpret_cast<const unsigned char*>(at);
    return static_cast<std::uint16_t>(b[0] | (b[1] << 8));
}
[[nodiscard]] inline std::uint32_t load_u32(const char* at) noexcept {
    const auto* b = reinterpret_cast<const unsigned char*>(at);
    return std::uint32_t{b[0]} | (std::uint32_t{b[1]} << 8) | (std::uint32_t{b[2]} << 16) |
           (std::uint32_t{b[3]} << 24);
}
[[nodiscard]] inline std::uint64_t load_u64(const char* at) noexcept {
    return std::uint64_t{load_u32(at)} | (std::uint64_t{load_u32(at + 4)} << 32);
}

/// Big-endian, as etcd writes its own numbers into keys and values.
[[nodiscard]] inline std::uint64_t load_be64(const char* at) noexcept {
    std::uint64_t v = 0;
    for (int i = 0; i < 8; ++i) v = (v << 8) | static_cast<unsigned char>(at[i]);
    return v;
}

struct Meta {
    std::uint32_t page_size = 0;
    PageId root;
    std::uint64_t sequence = 0;
    PageId freelist = k_no_freelist;
    PageId high_water;  ///< the first page id never used so far
    std::uint64_t txid = 0;
};

/// FNV-1a, 64 bits: the metas' checksum.
[[nodiscard]] std::uint64_t fnv1a(std::string_view bytes) noexcept;

/// Reads a meta from the start of page 0 or 1. nullopt, and in `fault` why, when it does not hold one.
[[nodiscard]] std::optional<Meta> decode_meta(std::string_view page, std::string_view& fault) noexcept;

/// Page sizes a file can have: powers of two from 1 KiB on.
[[nodiscard]] bool is_page_size(std::uint64_t size) noexcept;

/// Whether a file that begins so is a bbolt file. Hand over as much of the beginning as there is, 128 KiB at
/// best: when the first meta is broken, the second one, a page further on, still tells.
[[nodiscard]] bool looks_like_bbolt(std::string_view first_bytes) noexcept;

}  // namespace kvctl::bbolt
