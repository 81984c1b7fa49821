#pragma once
#include "kvctl/jobs/compact.hpp"
#include "kvctl/jobs/compact_decision.hpp"
#include "kvctl/jobs/provisional.hpp"

// What the ways of compacting share.
namespace kvctl::jobs {

[[nodiscard]] report::CompactionReport start_report(const store::StoreInfo& info,
                                                    const CompactRequest& request, bool executed);
/// The result of what was decided, and done where the report says so. A `result` that stands in it stays.
[[nodiscard]] CompactResult finish(report::CompactionReport r, Decision d);

/// Writes the list that was asked for, if any. Before anything is changed, so that a full disk costs nothing.
void write_list(const CompactRequest& request, const Decision& d, Provisional& made);

/// Throws no_space, with the ways out; `keeps_file`: the file cannot be replaced by a new one, as with
/// --live.
void refuse_without_space(const store::Store& store, const Decision& d, const CompactRequest& request,
                          bool keeps_file);

}  // namespace kvctl::jobs
