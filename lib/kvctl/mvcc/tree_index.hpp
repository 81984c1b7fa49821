#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kvctl/mvcc/block_sizes.hpp"
#include "kvctl/mvcc/key_index.hpp"
#include "kvctl/mvcc/revision.hpp"
#include "kvctl/mvcc/rows.hpp"
#include "kvctl/mvcc/rules.hpp"

namespace kvctl::mvcc {

/// Rows, tombstones, keys and bytes of a part of a store. `bytes` counts keys and values only.
struct Tally {
    std::uint64_t revisions = 0;
    std::uint64_t tombstones = 0;
    std::uint64_t keys = 0;
    std::uint64_t bytes = 0;
    std::uint64_t gaps = 0;     ///< kine
    std::uint64_t orphans = 0;  ///< kine: only in `removed`

    friend bool operator==(const Tally&, const Tally&) = default;
};

class KeyTable;

/// etcd's treeIndex, rebuilt from stored rows: every key with its generations, and every row in revision
/// order.
///
/// It is a column store. Three things stand in it:
///
///     rows      a slot each, in revision order, in blocks of 65,536; a block is an array a column (main,
///               sub, key, bytes, ...), so a pass over all rows reads only the columns it asks for
///               (row_block.hpp; filled by tree_fill.cpp)
///     keys      the bytes of each distinct key once, and a number for it (key_table.hpp)
///     by key    the slots of the rows, key after key, each key's in revision order: one array, of which a
///               KeyIndex and its Generations are views (made by tree_restore.cpp)
///
/// Filling: add_segments(n) names n consecutive stretches of the revision order; rows go in through
/// add(segment, batch), ascending inside a segment; different threads may add to different segments at once.
/// seal() ends it. Rows that turn out not to ascend make seal() return false: clear() and add them again,
/// sorted, as one segment.
///
/// Memory: 22 bytes a revision (26 with kine's prev_revision) and about 65 bytes a key, plus each key's bytes
/// once.
class TreeIndex {
  public:
    explicit TreeIndex(CompactionRules rules, bool with_prev_revision = false);
    ~TreeIndex();
    TreeIndex(TreeIndex&&) noexcept;
    TreeIndex& operator=(TreeIndex&&) noexcept;

    // --- filling
    void add_segments(std::size_t count);
    /// Takes the batch's rows; thread-safe. The batch is cleared.
    void add(std::size_t segment, RowBatch& batch);
    /// Orders rows by key and applies etcd's restore rules. False when rows were out of order.
    [[nodiscard]] bool seal();
    void clear();

    /// etcd's own operations, for callers that hold no store. Each seals again: for tests and small
    /// histories.
    void put(std::string_view key, Revision revision);
    /// False (nothing changes) when the key does not exist.
    bool tombstone(std::string_view key, Revision revision);
    void restore(std::string_view key, Revision created, Revision modified, std::int64_t ver);
    void restore_tombstone(std::string_view key, Revision revision);

    // --- keys
    [[nodiscard]] const CompactionRules& rules() const noexcept { return rules_; }
    /// Keys seen, indexed or not; ids run from 0 to this.
    [[nodiscard]] std::size_t key_count() const noexcept;
    [[nodiscard]] std::string_view key(KeyId id) const noexcept;
    [[nodiscard]] KeyIndex key_index(KeyId id) const;
    /// Stored rows of a key, indexed or not.
    [[nodiscard]] std::uint32_t row_count(KeyId id) const noexcept;
    [[nodiscard]] std::optional<KeyIndex> find(std::string_view key) const;
    /// The empty key where its rows are the markers that `snapshot restore --bump-revision` adds (etcd.md
    /// 5.3), else k_no_key. A compaction treats it as it does a key; it counts as none, and no range names
    /// it.
    [[nodiscard]] KeyId marker_key() const noexcept { return marker_key_; }
    /// Ids of keys with at least one indexed revision, in byte order of the keys, within [key, end); an empty
    /// optional end: only `key`; an empty string: all from `key` on.
    [[nodiscard]] std::vector<KeyId> range(std::string_view key, std::optional<std::string_view> end) const;
    [[nodiscard]] std::vector<KeyId> sorted_keys() const;

    // --- rows, in revision order
    /// One past the last slot. Not every slot below holds a row: use for_each_row or occupied().
    [[nodiscard]] Slot slot_end() const noexcept;
    /// False for the numbers between the last row of a block that is not full and the next block.
    [[nodiscard]] bool occupied(Slot slot) const noexcept {
        return (slot & ((Slot{1} << k_block_bits) - 1)) < block_rows(slot >> k_block_bits);
    }
    [[nodiscard]] Revision revision(Slot slot) const;
    [[nodiscard]] bool is_tombstone(Slot slot) const;
    [[nodiscard]] KeyId key_of(Slot slot) const;
    [[nodiscard]] std::uint32_t bytes_of(Slot slot) const;
    [[nodiscard]] std::uint32_t overhead_of(Slot slot) const;
    /// kine's prev_revision; 0 when the index was built without.
    [[nodiscard]] std::int64_t prev_revision_of(Slot slot) const;
    /// First slot whose main is at or above / above `at`.
    [[nodiscard]] Slot lower_bound(MainRevision at) const;
    [[nodiscard]] Slot upper_bound(MainRevision at) const;
    [[nodiscard]] CompactionBound bound(MainRevision at) const;
    /// The slot of exactly this revision, or k_no_slot.
    [[nodiscard]] Slot find_slot(Revision revision) const;
    /// The newest row's slot, or k_no_slot in an empty store.
    [[nodiscard]] Slot last_slot() const noexcept;

    static constexpr unsigned k_block_bits = block_sizes::k_block_bits;  // rows a block, as a power of two
    static constexpr std::uint32_t k_far = 0xFFFFFFFFU;  // a main too far from its block's first one

    /// A run of rows as columns, for passes over all of them.
    struct Columns {
        Slot base = 0;   ///< slot of the first row
        Slot count = 0;  ///< rows
        const KeyId* key = nullptr;
        const std::uint32_t* sub = nullptr;
        const std::uint32_t* bytes = nullptr;
        const std::uint8_t* overhead = nullptr;
        std::int64_t first_main = 0;
        const std::uint32_t* main_offset = nullptr;
        const std::unordered_map<Slot, std::int64_t>* far_main = nullptr;
        [[nodiscard]] std::int64_t main(Slot i) const {
            return main_offset[i] != k_far ? first_main + main_offset[i]
                                           : far_main->at((base + i) & ((Slot{1} << k_block_bits) - 1));
        }
        [[nodiscard]] bool tombstone(Slot i) const noexcept { return (sub[i] & 0x80000000U) != 0; }
    };
    /// Calls f(Columns) for the rows of [begin, end) in revision order, at most 65536 at a time.
    template <class F>
    void for_each_block(Slot begin, Slot end, F f) const {
        for (std::size_t b = begin >> k_block_bits; b < blocks_.size(); ++b) {
            const Slot base = static_cast<Slot>(b << k_block_bits);
            if (base >= end) return;
            const Slot from = std::max(base, begin);
            const Slot stop = std::min(base + block_rows(b), end);
            if (from < stop) f(columns(from, stop - from));
        }
    }

    /// Calls f(slot) for the rows of [begin, end) in revision order.
    template <class F>
    void for_each_row(Slot begin, Slot end, F f) const {
        for (std::size_t b = begin >> k_block_bits; b < blocks_.size(); ++b) {
            const Slot base = static_cast<Slot>(b << k_block_bits);
            if (base >= end) return;
            const Slot stop = std::min(base + block_rows(b), end);
            for (Slot s = std::max(base, begin); s < stop; ++s) f(s);
        }
    }

    /// Counts over the whole store; `keys` are the indexed ones.
    [[nodiscard]] const Tally& total() const noexcept { return total_; }
    [[nodiscard]] std::uint64_t live_keys() const noexcept { return live_keys_; }
    /// Rows that repeat the revision before them: damage.
    [[nodiscard]] std::uint64_t duplicates() const noexcept { return duplicates_; }
    /// Puts whose version does not follow from the key's put before them: damage. The first hundred, and how
    /// many in all.
    [[nodiscard]] const std::vector<Slot>& version_breaks() const noexcept { return version_breaks_; }
    [[nodiscard]] std::uint64_t version_break_count() const noexcept { return version_break_count_; }
    /// A row of a key that the index does not know: a tombstone of a key that does not exist, or, but
    /// for kine, a main of 0 and less.
    [[nodiscard]] bool is_indexed(Slot slot) const;

  private:
    struct Block;
    struct Segment;
    [[nodiscard]] Slot block_rows(std::size_t block) const noexcept;
    [[nodiscard]] Columns columns(Slot from, Slot count) const noexcept;
    [[nodiscard]] const Block& block(Slot slot) const noexcept { return *blocks_[slot >> k_block_bits]; }
    void append(std::size_t segment, const RowBatch::Row& row, KeyId id);
    KeyId append_one(std::string_view key, Revision revision, bool tombstone, std::int64_t version);
    void place_by_key();
    [[nodiscard]] KeyId find_marker_key() const;

    CompactionRules rules_;
    bool with_prev_;
    std::unique_ptr<KeyTable> keys_;
    std::vector<Segment> segments_;
    std::vector<std::unique_ptr<Block>> blocks_;  // the segments' blocks in revision order, once sealed
    std::vector<std::uint32_t> order_;            // by key: slot * 2 + tombstone
    Tally total_;
    std::uint64_t live_keys_ = 0;
    KeyId marker_key_ = k_no_key;
    std::uint64_t duplicates_ = 0;
    std::vector<Slot> version_breaks_;
    std::uint64_t version_break_count_ = 0;
};

}  // namespace kvctl::mvcc
