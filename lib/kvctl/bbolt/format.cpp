#include "kvctl/bbolt/format.hpp"

namespace kvctl::bbolt {
namespace {

bool has_magic(std::string_view page) noexcept {
    return page.size() >= k_page_header + 8 && load_u32(page.data() + k_page_header) == k_magic &&
           load_u32(page.data() + k_page_header + 4) == k_version;
}

}  // namespace

std::uint64_t fnv1a(std::string_view bytes) noexcept {
    std::uint64_t h = 0xcbf29ce484222325;
    for (const char c : bytes) {
        h ^= static_cast<unsigned char>(c);
        h *= 0x100000001b3;
    }
    return h;
}

bool is_page_size(std::uint64_t size) noexcept {
    return size >= k_min_page_size && size <= k_max_page_size && (size & (size - 1)) == 0;
}

std::optional<Meta> decode_meta(std::string_view page, std::string_view& fault) noexcept {
    if (page.size() < k_page_header + k_meta_bytes) {
        fault = "the file ends inside the meta";
        return std::nullopt;
    }
    const char* m = page.data() + k_page_header;
    if (load_u32(m) != k_magic) {
        fault = "the magic number is wrong";
        return std::nullopt;
    }
    if (load_u32(m + 4) != k_version) {
        fault = "the format version is not 2";
        return std::nullopt;
    }
    if (load_u64(m + 56) != fnv1a({m, 56})) {
        fault = "the checksum does not match";
        return std::nullopt;
    }
    Meta meta;
    meta.page_size = load_u32(m + 8);
    meta.root = PageId{load_u64(m + 16)};
    meta.sequence = load_u64(m + 24);
    meta.freelist = PageId{load_u64(m + 32)};
    meta.high_water = PageId{load_u64(m + 40)};
    meta.txid = load_u64(m + 48);
    if (!is_page_size(meta.page_size)) {
        fault = "the page size is not a power of two from 1 KiB on";
        return std::nullopt;
    }
    return meta;
}

bool looks_like_bbolt(std::string_view first_bytes) noexcept {
    if (has_magic(first_bytes)) return true;
    for (std::size_t size = k_min_page_size; size <= k_max_page_size && size < first_bytes.size();
         size *= 2) {
        if (has_magic(first_bytes.substr(size))) return true;
    }
    return false;
}

}  // namespace kvctl::bbolt
