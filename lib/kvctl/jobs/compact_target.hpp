#pragma once
#include <cstdint>
#include <optional>

#include "kvctl/jobs/compact_decision.hpp"

namespace kvctl::jobs {

/// The counters a plan starts from.
[[nodiscard]] mvcc::CompactionInput input_of(const store::StoreHead& head);

/// The revision that --rev or --keep-last mean. Throws future_revision, and usage without a target.
[[nodiscard]] MainRevision target_of(const store::StoreInfo& info, const CompactRequest& request,
                                     const store::StoreHead& head);

/// How the plan would be carried out, and the file that would leave.
[[nodiscard]] store::Strategy strategy_for(const store::CompactionModel& model, const CompactRequest& request,
                                           const mvcc::CompactionPlan& plan);
[[nodiscard]] std::optional<std::uint64_t> shrunk_bytes(const Decision& decision,
                                                        const CompactRequest& request,
                                                        const mvcc::CompactionPlan& plan);

/// Plans the lowest revision whose compaction, once the file is shrunk, fits into request.target_size. Throws
/// refused when none does.
void plan_for_size(const store::StoreInfo& info, const CompactRequest& request, Decision& decision);

/// Beside a running server the newest revisions stay: the highest target there is.
[[nodiscard]] MainRevision highest_live_target(const store::StoreHead& head) noexcept;

}  // namespace kvctl::jobs
