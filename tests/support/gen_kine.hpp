#pragma once
#include "gen_options.hpp"
#include "gen_summary.hpp"

namespace kvctl::gen {

/// Writes the state.db of a small k3s cluster whose compaction has never run: leases of nodes and controllers
/// that are renewed all the time, events that expire, pods that come and go, and many objects written once.
void write_kine(const Options& options, Summary& summary);

}  // namespace kvctl::gen
