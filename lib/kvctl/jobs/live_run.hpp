#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/base/progress.hpp"
#include "kvctl/jobs/compact.hpp"
#include "kvctl/jobs/live_pace.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/store/kine/live_kine.hpp"
#include "kvctl/store/sqlite/batches.hpp"

namespace kvctl::jobs {

/// The transactions of one compaction beside a server. Refers to what it is made from.
class LiveRun {
  public:
    LiveRun(store::LiveKine& live, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
            const CompactRequest& request, Progress* progress);

    /// All of them, or as many as there is time for. Throws what stops it; the accessors then tell how far it
    /// came.
    void work();

    /// Whether all that the plan removes is gone.
    [[nodiscard]] bool complete() const noexcept { return complete_; }
    /// The compact revision as this run left it, or somebody else who went further.
    [[nodiscard]] MainRevision compacted() const noexcept { return compacted_; }
    [[nodiscard]] std::uint64_t deleted() const noexcept { return deleted_; }
    /// Rows that went before this run came to them: by another compaction.
    [[nodiscard]] std::uint64_t gone_before() const noexcept { return gone_before_; }
    [[nodiscard]] bool alone() const noexcept { return foreign_ == 0 && gone_before_ == 0; }
    [[nodiscard]] report::LiveWork counts() const;

    /// What is otherwise than the plan has it.
    struct Difference {
        std::uint64_t left = 0;  ///< rows that can go and are there: of a compaction that others did
        std::uint64_t gone = 0;  ///< rows that stay and are not there, though no compact revision says so
    };
    /// Reads the store once more. Throws damaged where the newest row of a key is not there, a row is another
    /// one, or, where no other compaction was seen, one is left that is to go.
    [[nodiscard]] Difference verify();

  private:
    [[nodiscard]] bool time_is_up() const;
    void delete_batches();
    void delete_leftovers();
    /// False: somebody else had compacted.
    [[nodiscard]] bool step(std::span<const mvcc::Slot> rows, MainRevision to);
    void adopt(MainRevision compacted);
    void pause() const;
    void tell() const;
    /// Of the rows as they are now, up to the plan's current revision.
    [[nodiscard]] Difference compare(const mvcc::TreeIndex& rows) const;

    using Clock = std::chrono::steady_clock;
    store::LiveKine& live_;
    const mvcc::TreeIndex& index_;
    const mvcc::CompactionPlan& plan_;
    Progress* progress_;
    std::optional<std::chrono::milliseconds> max_time_;
    LivePace pace_;
    store::Batches batches_;
    Clock::time_point begun_ = Clock::now();
    std::size_t next_ = 0;               ///< of the batches' rows
    std::vector<mvcc::Slot> leftovers_;  ///< released by a compact revision that was there already
    MainRevision compacted_;
    bool complete_ = false;
    bool out_of_time_ = false;
    std::uint64_t deleted_ = 0;
    std::uint64_t gone_before_ = 0;
    std::uint64_t transactions_ = 0;
    std::uint64_t foreign_ = 0;
    std::chrono::microseconds longest_{};
};

}  // namespace kvctl::jobs
