#pragma once
#include <string>

#include "kvctl/base/finding.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/mvcc/tree_index.hpp"
#include "kvctl/store/store.hpp"

// Which damage stops a compaction or a conversion, for all who carry one out. Not installed.
namespace kvctl::jobs {

/// What the index itself shows: versions that do not follow, of which some are named, and rows that repeat a
/// revision.
[[nodiscard]] Findings index_damage(const mvcc::TreeIndex& index);

/// Throws damaged for the first error among `findings` and in the index at or below the plan's revision, and
/// what mvcc::lost_live_error() makes where the plan would lose a live revision. `outcome` ends the sentence:
/// "nothing was changed".
void check_plan(const std::string& path, const mvcc::TreeIndex& index, const Findings& findings,
                const mvcc::CompactionPlan& plan, const std::string& outcome);

/// Throws damaged for the first fault in the store's structure, which what is made of it would hide; `path`
/// as the user named it.
void refuse_faults(store::Store& store, const std::string& path, Progress* progress);

}  // namespace kvctl::jobs
