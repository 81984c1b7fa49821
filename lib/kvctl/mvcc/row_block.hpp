#pragma once
#include <array>
#include <memory>
#include <unordered_map>

#include "kvctl/mvcc/tree_index.hpp"

namespace kvctl::mvcc {

/// A hint that what `p` points at is needed soon.
inline void prefetch(const void* p) noexcept {
    __builtin_prefetch(p);
}

/// The rows of 65,536 slots, a column each, so that a pass over the rows touches only what it reads.
///
///     slot         base + 0   base + 1   base + 2   ...
///     main_offset  0          1          1               from first_main
///     sub          0          0          1               two flags on top: tombstone, unindexed
///     key          17         4          17              in the key table
///     bytes        301        44         298
///     ...
///
/// What does not fit into its column stands in a side table; sound stores have none. The columns are
/// allocated but not cleared.
struct TreeIndex::Block {
    static constexpr std::size_t k_size = std::size_t{1} << k_block_bits;
    static constexpr Slot k_mask = static_cast<Slot>(k_size - 1);  ///< the part of a slot inside its block
    static constexpr std::uint32_t k_tombstone = 0x80000000U;
    static constexpr std::uint32_t k_unindexed = 0x40000000U;
    static constexpr std::uint32_t k_wide_sub = 0x3FFFFFFFU;  ///< and the bits that a sub has
    static constexpr std::uint32_t k_wide_prev = 0xFFFFFFFFU;

    std::array<std::uint32_t, k_size> main_offset;
    std::array<KeyId, k_size> key;
    std::array<std::uint32_t, k_size> sub;
    std::array<std::uint32_t, k_size> bytes;
    std::array<std::uint8_t, k_size> overhead;
    std::array<std::uint8_t, k_size> version;  ///< its lowest byte: enough to see a chain that breaks
    Slot count;
    std::unique_ptr<std::array<std::uint32_t, k_size>> prev;  ///< main - prev_revision; 0: none
    std::int64_t first_main;
    std::unordered_map<Slot, std::int64_t> far_main;
    std::unordered_map<Slot, std::int64_t> wide_sub;
    std::unordered_map<Slot, std::int64_t> wide_prev;

    explicit Block(bool with_prev) : count(0), first_main(0) {  // NOLINT: uninitialised on purpose
        if (with_prev) prev = std::make_unique_for_overwrite<std::array<std::uint32_t, k_size>>();
    }

    [[nodiscard]] bool full() const noexcept { return count == k_size; }
    void push(const RowBatch::Row& row, KeyId id) {
        const Slot i = count++;
        const bool wide = row.sub < 0 || row.sub >= static_cast<std::int64_t>(k_wide_sub);
        if (i == 0) first_main = row.main;
        const auto offset = static_cast<std::uint64_t>(row.main) - static_cast<std::uint64_t>(first_main);
        main_offset[i] = offset < k_far ? static_cast<std::uint32_t>(offset) : k_far;
        if (offset >= k_far) far_main.emplace(i, row.main);
        key[i] = id;
        sub[i] =
            (wide ? k_wide_sub : static_cast<std::uint32_t>(row.sub)) | (row.tombstone ? k_tombstone : 0U);
        bytes[i] = row.bytes;
        overhead[i] = row.overhead;
        version[i] = static_cast<std::uint8_t>(row.version);
        if (wide) wide_sub.emplace(i, row.sub);
        if (!prev) return;
        const bool none = row.prev_revision == 0;
        const bool near = row.prev_revision > 0 && row.prev_revision < row.main &&
                          row.main - row.prev_revision < static_cast<std::int64_t>(k_wide_prev);
        (*prev)[i] = none ? 0 : near ? static_cast<std::uint32_t>(row.main - row.prev_revision) : k_wide_prev;
        if (!none && !near) wide_prev.emplace(i, row.prev_revision);
    }

    [[nodiscard]] std::int64_t main(Slot i) const {
        return main_offset[i] != k_far ? first_main + main_offset[i] : far_main.at(i);
    }
    [[nodiscard]] Revision revision(Slot i) const {
        const std::uint32_t narrow = sub[i] & k_wide_sub;
        return {main(i), narrow == k_wide_sub ? wide_sub.at(i) : static_cast<std::int64_t>(narrow)};
    }
    [[nodiscard]] bool tombstone(Slot i) const noexcept { return (sub[i] & k_tombstone) != 0; }
    [[nodiscard]] std::int64_t prev_revision(Slot i) const {
        if (!prev || (*prev)[i] == 0) return 0;
        return (*prev)[i] == k_wide_prev ? wide_prev.at(i) : main(i) - static_cast<std::int64_t>((*prev)[i]);
    }
};

/// A stretch of the revision order while rows come in.
struct TreeIndex::Segment {
    std::vector<std::unique_ptr<Block>> blocks;
    Revision first;
    Revision last;
    bool empty = true;
    bool ordered = true;
};

}  // namespace kvctl::mvcc
