#pragma once
#include <functional>
#include <optional>
#include <string>

#include "kvctl/base/error.hpp"
#include "kvctl/base/progress.hpp"
#include "kvctl/kube/predecessors.hpp"
#include "kvctl/kube/timeline.hpp"
#include "kvctl/report/notes.hpp"
#include "kvctl/store/store.hpp"

// What the jobs that read Kubernetes objects share. Not installed.
namespace kvctl::jobs {

/// Every record in revision order, up to `to`, with progress.
void scan(store::Store& store, MainRevision to, Progress* progress,
          const std::function<void(const mvcc::Record&)>& f);

/// Reads a stored value by its revision.
[[nodiscard]] kube::Predecessors::Fetch value_reader(store::Store& store);

/// The clock of a store, in a pass over its values. Without a sample it is empty.
[[nodiscard]] kube::Timeline read_timeline(store::Store& store, Progress* progress);

/// The same, but throws refused when the store has no clock.
[[nodiscard]] kube::Timeline require_timeline(store::Store& store, Progress* progress);
[[nodiscard]] Error no_clock(const store::Store& store);

/// What is to be said of a clock: samples that do not fit, long pauses, a compaction that made it coarse.
void note_clock(const kube::Timeline& timeline, const store::StoreHead& head, report::Notes& notes);

/// Throws refused when a window's revisions contradict each other or the store.
void check_window(const store::Store& store, const store::StoreHead& head, MainRevision from,
                  MainRevision to);

}  // namespace kvctl::jobs
