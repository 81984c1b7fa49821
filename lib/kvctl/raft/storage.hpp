#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "kvctl/raft/entry.hpp"

namespace kvctl::raft {

/// What etcd's storage answers in place of a result. None of them is a failure of the caller.
enum class StorageStatus {
    ok,
    compacted,             ///< the position is at or below the dummy entry
    unavailable,           ///< the position is above the last entry
    snapshot_out_of_date,  ///< a snapshot at or above the asked one is there already
};
/// etcd's sentence for it; "" for ok.
[[nodiscard]] std::string_view text_of(StorageStatus status) noexcept;

/// etcd's in-memory raft log. Position 0 holds a dummy entry: index and term of the last compacted (or
/// snapshotted) entry, its data gone. An empty log has the dummy 0/0:
///
///     entries 1..6, compact(4):  dummy 4 (its term stays readable), entries 5 and 6;  first 5, last 6
///
/// A call that etcd's own storage answers with a panic (beyond the last entry, a gap) throws a `refused`
/// Error and changes nothing.
class MemoryStorage {
  public:
    MemoryStorage() = default;
    /// An empty log behind `dummy`.
    explicit MemoryStorage(SnapshotMeta dummy) : dummy_(dummy) {}

    [[nodiscard]] LogIndex first_index() const noexcept { return LogIndex{dummy_.index.value() + 1}; }
    [[nodiscard]] LogIndex last_index() const noexcept {
        return LogIndex{dummy_.index.value() + entries_.size()};
    }
    [[nodiscard]] const SnapshotMeta& dummy() const noexcept { return dummy_; }
    [[nodiscard]] const std::vector<Entry>& all() const noexcept { return entries_; }
    [[nodiscard]] const Snapshot& snapshot() const noexcept { return snapshot_; }

    struct TermAnswer {
        StorageStatus status = StorageStatus::ok;
        Term term;
    };
    /// The term of entry `index`, the dummy included.
    [[nodiscard]] TermAnswer term(LogIndex index) const noexcept;

    struct EntriesAnswer {
        StorageStatus status = StorageStatus::ok;
        std::vector<EntryView> entries;  ///< valid until the log changes
    };
    /// Entries lo <= index < hi, cut before their encoded sizes would pass `max_size`, but at least one.
    [[nodiscard]] EntriesAnswer entries(LogIndex lo, LogIndex hi, std::uint64_t max_size) const;

    /// Adds consecutive entries. What lies at or below the dummy is ignored; an overlap replaces the stored
    /// entry and cuts off everything behind it.
    void append(const std::vector<EntryView>& entries);

    /// Entry `index` becomes the dummy; entries above it remain.
    [[nodiscard]] StorageStatus compact(LogIndex index);

    /// Remembers a snapshot at `index`; the entries stay. Without `conf_state` the former one is kept.
    [[nodiscard]] StorageStatus create_snapshot(LogIndex index, const std::optional<ConfState>& conf_state,
                                                std::string_view data);

    /// Replaces the whole log by a snapshot: its position becomes the dummy.
    [[nodiscard]] StorageStatus apply_snapshot(const Snapshot& snapshot);

  private:
    SnapshotMeta dummy_;
    std::vector<Entry> entries_;  ///< entries_[i] has the index dummy_.index + 1 + i
    Snapshot snapshot_;
};

}  // namespace kvctl::raft
