#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "kvctl/mvcc/revision.hpp"
#include "kvctl/mvcc/rows.hpp"
#include "kvctl/mvcc/rules.hpp"

namespace kvctl::mvcc {

class TreeIndex;

/// A compact revision R in terms of slots, so that walking a key touches no other memory.
struct CompactionBound {
    Slot at = 0;        ///< first slot with main >= R
    Slot slot_end = 0;  ///< first slot with main > R: rows from here on are out of reach
    CompactionRules::Tombstones rule = CompactionRules::Tombstones::classic;
};

/// One life of a key: from the put that created it to the tombstone that ended it. A view on the tree's
/// arrays.
class Generation {
  public:
    Generation() = default;
    Generation(const TreeIndex& tree, std::span<const std::uint32_t> entries, Revision created,
               std::int64_t ver)
        : tree_(&tree), entries_(entries), created_(created), ver_(ver) {}

    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] Revision revision(std::size_t position) const;
    [[nodiscard]] Slot slot(std::size_t position) const noexcept { return entries_[position] >> 1; }
    /// Of the newest revision: a generation that ends in a tombstone is closed.
    [[nodiscard]] bool closed() const noexcept { return !empty() && (entries_.back() & 1U) != 0; }
    [[nodiscard]] Revision created() const noexcept { return created_; }
    /// Changes ever made in this life, compacted ones and the tombstone included.
    [[nodiscard]] std::int64_t ver() const noexcept { return ver_; }

    /// Visits slots from the newest to the oldest while `pred(slot)` holds; the position where it first
    /// failed, or nullopt when it held for all.
    template <class Predicate>
    [[nodiscard]] std::optional<std::size_t> walk(Predicate pred) const {
        for (std::size_t i = entries_.size(); i-- > 0;) {
            if (!pred(entries_[i] >> 1)) return i;
        }
        return std::nullopt;
    }

  private:
    const TreeIndex* tree_ = nullptr;
    std::span<const std::uint32_t> entries_;
    Revision created_;
    std::int64_t ver_ = 0;
};

/// All stored revisions of one key, as etcd's keyIndex holds them; a view on the tree's arrays, cheap to
/// copy. Compacting a KeyIndex narrows the view and leaves the tree alone.
///
/// put 2.0, put 5.1, delete 7.0, put 9.0 reads as generations {2.0, 5.1, 7.0t} {9.0}; after a further
/// delete 12.0 as {2.0, 5.1, 7.0t} {9.0, 12.0t} {}. Compacting that at
///   6  leaves {5.1, 7.0t} {9.0, 12.0t} {}             (5.1 is kept for readers at 6)
///   7  leaves {9.0, 12.0t} {}                         (classic: the tombstone at 7 goes as well)
///      or     {7.0t} {9.0, 12.0t} {}                  (keep-at-rev: it stays until the next compaction)
///   13 leaves {}: the key is gone from the tree.
class KeyIndex {
  public:
    KeyIndex(const TreeIndex& tree, KeyId id, std::span<const std::uint32_t> entries, Revision created,
             std::int64_t ver_before)
        : tree_(&tree),
          id_(id),
          modified_(entries.empty() ? k_no_slot : entries.back() >> 1),
          entries_(entries),
          created_(created),
          ver_before_(ver_before) {}

    [[nodiscard]] std::string_view key() const;
    [[nodiscard]] KeyId id() const noexcept { return id_; }
    /// The newest revision the key ever had in this tree; compaction does not change it.
    [[nodiscard]] Revision modified() const;
    /// No revision left: the tree drops such a key.
    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    /// Not deleted at the newest revision.
    [[nodiscard]] bool live() const noexcept { return !entries_.empty() && (entries_.back() & 1U) == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] Slot slot(std::size_t position) const noexcept { return entries_[position] >> 1; }
    [[nodiscard]] bool tombstone(std::size_t position) const noexcept {
        return (entries_[position] & 1U) != 0;
    }

    /// Oldest first. After a tombstone the last one is empty.
    [[nodiscard]] std::vector<Generation> generations() const;

    struct Found {
        Revision modified;
        Revision created;
        std::int64_t version = 0;
        Slot slot = k_no_slot;
    };
    /// The generation that is alive at `at`; nullopt: the key does not exist then.
    [[nodiscard]] std::optional<Generation> find_generation(MainRevision at) const;
    /// What a read at `at` sees.
    [[nodiscard]] std::optional<Found> get(MainRevision at) const;
    /// Revisions from `from` on, only the largest sub of each main; as etcd's watches use it.
    [[nodiscard]] std::vector<Revision> since(MainRevision from) const;

    /// Drops what a compaction at the bound removes; returns the slot at or below it that stays, or
    /// k_no_slot.
    Slot compact(CompactionBound bound);
    /// What a hash at the bound reads of this key: as compact, but never a tombstone, under both rules.
    [[nodiscard]] Slot keep(CompactionBound bound) const;

  private:
    struct Choice {
        std::size_t begin = 0;     // first entry of the chosen generation
        std::size_t end = 0;       // one past its last
        std::size_t position = 0;  // of the survivor, when there is one
        bool found = false;
    };
    [[nodiscard]] std::size_t generation_end(std::size_t begin) const noexcept;
    [[nodiscard]] Choice choose(CompactionBound bound) const;

    const TreeIndex* tree_;
    KeyId id_;
    Slot modified_;
    std::span<const std::uint32_t> entries_;  // slot * 2 + tombstone
    Revision created_;                        // of the first generation
    std::int64_t ver_before_;                 // changes of the first generation that are no longer stored
};

}  // namespace kvctl::mvcc
