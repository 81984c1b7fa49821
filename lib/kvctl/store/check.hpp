#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>

#include "kvctl/base/finding.hpp"
#include "kvctl/base/progress.hpp"
#include "kvctl/base/strong.hpp"
#include "kvctl/mvcc/rules.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {

struct CheckRequest {
    mvcc::CompactionRules rules;
    std::size_t kept_per_code = FindingLog::k_kept_per_code;  ///< findings of a code that are named
    Progress* progress = nullptr;
};

struct CheckResult {
    Findings findings;
    std::uint64_t rows = 0;                    ///< revisions that were looked at
    std::optional<LogIndex> consistent_index;  ///< as far as it can be read
};

/// Looks at everything in a store and goes on past damage: structure, layout, counters, every row, and what
/// rows say of one another (kvctl-check(1) lists the codes). A sound store has no finding above information.
/// Throws io, busy and interrupted only.
[[nodiscard]] CheckResult check_store(Store& store, const CheckRequest& request);

}  // namespace kvctl::store
