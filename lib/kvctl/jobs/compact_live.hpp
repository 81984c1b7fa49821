#pragma once
#include "kvctl/jobs/compact.hpp"

namespace kvctl::jobs {

/// Compacts a kine store beside the server that may have it open. The plan is that of any compaction; it is
/// carried out in transactions that raise the compact revision with what they delete, so that the store is
/// right at every moment and a later run goes on where this one ended. What stays is compared, with its
/// values, with what it was before the first one. Throws interrupted, busy and what else stops it with how
/// far it came; `result` is "partly" where time was up.
[[nodiscard]] CompactResult compact_live(const CompactRequest& request, Progress* progress);

}  // namespace kvctl::jobs
