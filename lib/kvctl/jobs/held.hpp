#pragma once
#include "kvctl/report/refusal.hpp"
#include "kvctl/store/holders.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::jobs {

/// What a writer meets that comes while others have the store: `otherwise` when they are no hindrance, else
/// in-use first, with how to end them, and `otherwise` behind it. `only_reads`: of a store that a server
/// locks for its life, beside others that only read.
[[nodiscard]] report::Refusal held_refusal(const store::StoreInfo& info, const store::Surroundings& around,
                                           bool only_reads, report::Refusal otherwise);

/// Whether it could be compacted beside whoever has it, as far as a look tells.
[[nodiscard]] bool goes_live(store::Store& store);
/// The same of one that is opened for the look; false where it cannot be.
[[nodiscard]] bool goes_live(const std::string& path, const store::OpenOptions& open);

}  // namespace kvctl::jobs
