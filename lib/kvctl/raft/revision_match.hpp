#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/raft/entry.hpp"
#include "kvctl/raft/request.hpp"

namespace kvctl::raft {

/// One row of a store.
struct StoredChange {
    bool tombstone = false;
    std::string key;
    std::int64_t lease = 0;
    std::uint64_t value_hash = 0;
};
/// What value_hash is.
[[nodiscard]] std::uint64_t hash_value(std::string_view value) noexcept;

/// Finds which revision each applied entry made, by laying the log beside the rows of a store: every revision
/// above the compact revision was made by one entry, in order. A request that changed nothing (a delete of
/// nothing, a put that was refused) made none; where the rows do not tell two entries apart, the earlier one
/// is taken to have made the revision. Older revisions, whose rows a compaction may have removed, stay
/// unknown.
///
/// Keeps keys, not values: memory grows with the applied part of the log and the rows above the compact
/// revision.
class RevisionMatch {
  public:
    /// Nothing at or below `compacted` is told; `current` is the newest revision.
    RevisionMatch(MainRevision compacted, MainRevision current) : compacted_(compacted), current_(current) {}

    /// Rows in any order of revisions, but those of one revision as they were made.
    void add_change(MainRevision main, StoredChange change) {
        rows_[main.value()].push_back(std::move(change));
    }
    /// Applied entries in log order.
    void add_entry(const EntryView& entry);
    void finish();

    [[nodiscard]] std::optional<MainRevision> revision_of(LogIndex index) const;

    /// Behind finish(): the newest revision above the compact one that no applied entry can have made; of a
    /// log that begins with its first entry, proof of another history.
    [[nodiscard]] std::optional<MainRevision> unexplained() const noexcept { return unexplained_; }

    /// The largest revision an applied entry of this log asked to compact to, of those that were not refused
    /// as lying in the future; nullopt when there is none.
    [[nodiscard]] std::optional<MainRevision> compacted_by_log() const noexcept { return compacted_by_log_; }

  private:
    struct PutShape {
        std::string key;
        std::optional<std::int64_t> lease;        ///< nullopt: the former one is kept
        std::optional<std::uint64_t> value_hash;  ///< nullopt: the former one is kept
    };
    struct RangeShape {
        std::string key;
        std::string end;
    };
    // What one way through a request may write.
    struct Branch {
        std::vector<PutShape> always;     ///< puts that happen on this way for certain
        std::vector<PutShape> puts;       ///< these and those of nested transactions
        std::vector<RangeShape> deletes;  ///< of this way and of nested transactions
        bool any_tombstones = false;      ///< a lease revocation deletes keys the log does not name
    };
    struct Shape {
        LogIndex index;
        std::vector<Branch> branches;            ///< empty: writes no row
        std::optional<std::int64_t> compaction;  ///< asked for
        std::optional<std::int64_t> revision;    ///< made
    };
    static PutShape shape_of(const Put& put);
    static Branch shape_of(const std::vector<Op>& ops);
    static void add_nested(const std::vector<Op>& ops, Branch& out, bool top);
    [[nodiscard]] bool could_make(const Shape& shape, std::int64_t revision) const;
    static bool fits(const Branch& branch, const std::vector<StoredChange>& rows);

    MainRevision compacted_;
    MainRevision current_;
    std::map<std::int64_t, std::vector<StoredChange>> rows_;
    std::vector<Shape> shapes_;
    std::optional<MainRevision> compacted_by_log_;
    std::optional<MainRevision> unexplained_;
};

}  // namespace kvctl::raft
