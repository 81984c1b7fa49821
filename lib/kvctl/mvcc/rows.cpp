#include "kvctl/mvcc/rows.hpp"

#include <algorithm>

namespace kvctl::mvcc {
namespace {

std::uint64_t load64(const char* p) noexcept {
    std::uint64_t v = 0;
    std::memcpy(&v, p, 8);
    return v;
}

// Multiplies to 128 bits and folds: one multiplication mixes sixteen key bytes.
std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

std::uint64_t hash_key(std::string_view key) noexcept {
    constexpr std::uint64_t k_a = 0x9E3779B97F4A7C15ULL;
    constexpr std::uint64_t k_b = 0xD6E8FEB86659FD93ULL;
    std::uint64_t h = k_a ^ key.size();
    const char* p = key.data();
    std::size_t n = key.size();
    for (; n > 16; p += 16, n -= 16) h = mix(load64(p) ^ k_b, load64(p + 8) ^ h);
    if (n >= 8) return mix(load64(p) ^ k_b, load64(p + n - 8) ^ h);
    std::uint64_t tail = 0;
    if (n > 0) std::memcpy(&tail, p, n);
    return mix(tail ^ k_b, h ^ k_a);
}

bool RowBatch::push(const IndexRow& row) {
    if (rows_.capacity() < k_capacity) rows_.reserve(k_capacity);
    const bool keyed = row.kind == IndexRow::Kind::keyed;
    rows_.push_back({.main = row.revision.main,
                     .sub = row.revision.sub,
                     .create_revision = row.create_revision,
                     .version = row.version,
                     .prev_revision = row.prev_revision,
                     .hash = keyed ? hash_key(row.key) : 0,
                     .key_at = keys_.size(),
                     .key_size = keyed ? static_cast<std::uint32_t>(row.key.size()) : 0,
                     .bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(row.bytes, 0xFFFFFFFFU)),
                     .overhead = static_cast<std::uint8_t>(std::min<std::uint32_t>(row.overhead, 255)),
                     .kind = row.kind,
                     .tombstone = row.tombstone});
    if (keyed) keys_.append(row.key);
    return rows_.size() < k_capacity;
}

}  // namespace kvctl::mvcc
