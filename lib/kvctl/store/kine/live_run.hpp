#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kvctl/base/progress.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/store/kine/live_kine.hpp"
#include "kvctl/store/kine/live_rows.hpp"
#include "kvctl/store/live_pace.hpp"
#include "kvctl/store/sqlite/batches.hpp"

namespace kvctl::store {

/// The transactions of one compaction beside a server, in the order in which a rising compact revision
/// releases the rows.
class LiveRun final : public LiveCompaction {
  public:
    LiveRun(LiveKine& live, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
            const LiveTerms& terms, Progress* progress);

    [[nodiscard]] State state() const override;
    void work() override;
    [[nodiscard]] const mvcc::SlotSet& gone() const noexcept override { return gone_; }
    [[nodiscard]] Difference verify() override;

  private:
    [[nodiscard]] bool alone() const noexcept { return state_.foreign == 0 && state_.gone_before == 0; }
    [[nodiscard]] bool time_is_up() const;
    void delete_batches();
    void delete_leftovers();
    /// False: somebody else had compacted.
    [[nodiscard]] bool step(std::span<const mvcc::Slot> rows, MainRevision to);
    void adopt(MainRevision compacted);
    void pause();
    void tell() const;

    using Clock = std::chrono::steady_clock;
    LiveKine& live_;
    const mvcc::TreeIndex& index_;
    const mvcc::CompactionPlan& plan_;
    Progress* progress_;
    std::optional<std::chrono::steady_clock::time_point> until_;
    LivePace pace_;
    LiveRows rows_;
    Batches batches_;
    Clock::time_point begun_;            ///< the first transaction
    std::size_t next_ = 0;               ///< of the batches' rows
    std::vector<mvcc::Slot> leftovers_;  ///< released by a compact revision that was there already
    mvcc::SlotSet gone_;
    bool out_of_time_ = false;
    State state_;
};

}  // namespace kvctl::store
