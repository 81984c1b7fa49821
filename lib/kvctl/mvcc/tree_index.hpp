#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

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

/// etcd's treeIndex, rebuilt from stored rows: every key with its generations, and every row in revision order.
///
/// Filling: add_segments(n) names n consecutive stretches of the revision order; rows go in through add(segment, batch),
/// ascending inside a segment; different threads may add to different segments at once. seal() ends it. Rows that turn
/// out not to ascend make seal() return false: clear() and add them again, sorted, as one segment.
///
/// Memory: 25 bytes a revision (29 with kine's prev_revision) and 56 bytes a key, plus each key's bytes once.
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

    /// etcd's own operations, for callers that hold no store: they append and reseal at the next read.
    void put(std::string_view key, Revision revision);
    /// False (nothing changes) when the key does not exist.
    bool tombstone(std::string_view key, Revision revision);
    void restore(std::string_view key, Revision created, Revision modified, std::int64_t ver);
    void restore_tombstone(std::string_view key, Revision revision);

    // --- keys
    [[nodiscard]] const CompactionRules& rules() const noexcept { return rules_; }
    /// Keys seen, indexed or not; ids run from 0 to this.
    [[nodiscard]] std::size_t key_count() const noexcept { return key_count_; }
    [[nodiscard]] std::string_view key(KeyId id) const noexcept;
    [[nodiscard]] KeyIndex key_index(KeyId id) const;
    [[nodiscard]] std::optional<KeyIndex> find(std::string_view key) const;
    /// Ids of keys with at least one indexed revision, in byte order of the keys, within [key, end); an empty optional
    /// end: only `key`; an empty string: all from `key` on.
    [[nodiscard]] std::vector<KeyId> range(std::string_view key, std::optional<std::string_view> end) const;
    [[nodiscard]] std::vector<KeyId> sorted_keys() const;

    // --- rows, in revision order
    /// One past the last slot. Not every slot below holds a row: use for_each_row or occupied().
    [[nodiscard]] Slot slot_end() const noexcept;
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

    // Implementation detail shared with KeyIndex and Generation.
    static constexpr unsigned k_block_bits = 16;

  private:
    struct Block;
    struct Key;
    struct Segment;
    struct Interner;
    [[nodiscard]] Slot block_rows(std::size_t block) const noexcept;
    [[nodiscard]] const Block& block(Slot slot) const noexcept;
    KeyId intern(std::string_view key, std::uint64_t hash);
    void append(Segment& segment, const RowBatch::Row& row, KeyId id);
    void add_one(const IndexRow& row);
    void ensure_sealed() const;

    CompactionRules rules_;
    bool with_prev_;
    std::unique_ptr<Interner> interner_;
    std::vector<std::unique_ptr<Block>> blocks_;  // in revision order once sealed
    std::vector<Segment> segments_;
    std::size_t key_count_ = 0;
    std::vector<std::uint32_t> order_;  // by key: slot * 2 + tombstone
    Tally total_;
    std::uint64_t live_keys_ = 0;
    bool sealed_ = false;
};

}  // namespace kvctl::mvcc
