#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "kvctl/base/progress.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/mvcc/slot_set.hpp"
#include "kvctl/store/kine/live_kine.hpp"

namespace kvctl::store {

/// The rows that a compaction beside a server leaves, against what they were before its first transaction: a
/// digest of every column, eight bytes a row in all. Read in stretches of some hundred, each in a read of its
/// own: one long read would keep the server from moving its -wal into the file.
class LiveRows {
  public:
    LiveRows(LiveKine& live, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan);

    /// How they are now. Who is gone by now went by another compaction, and has no digest.
    void remember(Progress* progress);

    /// The next stretch that stays, from the first one again behind the last. Throws as compare().
    void look_further();

    struct Found {
        std::uint64_t same = 0;    ///< rows that stay, as they were
        std::uint64_t left = 0;    ///< rows that can go and are there
        std::uint64_t untold = 0;  ///< rows that stay and are not there, though no compact revision says so
    };
    /// All rows; those that are not there go into `gone`. Throws damaged where one that stays changed, or is
    /// gone that no compaction takes; where `none_left`, also where one is left that is to go.
    [[nodiscard]] Found compare(bool none_left, mvcc::SlotSet& gone);

  private:
    using Taker = std::function<void(std::size_t, const sqlite::Statement& row)>;

    [[nodiscard]] std::int64_t id(mvcc::Slot s) const { return index_.revision(s).main; }
    /// Hands over the rows of stay_ from `begin` to `end` that are there.
    void read(std::size_t begin, std::size_t end, const Taker& take);
    /// Compares them, in one read; hands over each that is not there, with the compact revision. Returns how
    /// many are.
    std::uint64_t compare(std::size_t begin, std::size_t end,
                          const std::function<void(mvcc::Slot, MainRevision)>& gone);
    /// How many of the rows that are to go are there.
    std::uint64_t count_left(bool none_left, mvcc::SlotSet& gone);
    /// Whether a compact revision explains that the row is gone; throws where nothing does.
    [[nodiscard]] bool is_told(mvcc::Slot s, MainRevision compacted);
    [[nodiscard]] bool released(mvcc::Slot s, MainRevision compacted);
    /// By a row of another key.
    [[nodiscard]] bool is_pointed_at(mvcc::Slot s);
    [[nodiscard]] bool has_newer(mvcc::Slot s);
    /// Whether the newest revisions, behind those that the plan knows, lack one: kine leaves none out, so a
    /// compaction took it.
    [[nodiscard]] bool lacks_newer_rows();
    [[nodiscard]] bool holds_gap(mvcc::Slot s);
    [[noreturn]] void fail(mvcc::Slot s, std::string_view what) const;

    LiveKine& live_;
    const mvcc::TreeIndex& index_;
    const mvcc::CompactionPlan& plan_;
    bool may_be_untold_;                  ///< by a kine that compacts without a word
    std::vector<mvcc::Slot> stay_;        ///< ascending
    std::vector<std::uint32_t> digests_;  ///< of those; 0: none
    std::optional<mvcc::SlotSet> pointed_at_;
    std::size_t next_ = 0;  ///< for look_further()
};

}  // namespace kvctl::store
