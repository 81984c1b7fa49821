#pragma once
#include <optional>
#include <vector>

#include "kvctl/kube/timeline.hpp"
#include "kvctl/mvcc/revision.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::jobs {

/// Tells when a revision was written by the times in the values around it, without a pass over the store.
class LocalClock {
  public:
    /// Reads the values of at most so many neighbourhoods, and none any more once one had no time in it;
    /// further revisions have no time.
    static constexpr int k_most = 64;

    LocalClock(store::Store& store, MainRevision current) : store_(store), current_(current) {}

    /// nullopt: nothing around it tells. Reading records again makes views of earlier ones invalid.
    [[nodiscard]] std::optional<kube::Timeline::At> time_around(MainRevision revision);

  private:
    store::Store& store_;
    MainRevision current_;
    kube::Timeline timeline_;  // of the neighbourhood read last
    MainRevision from_;
    MainRevision to_;
    int left_ = k_most;
};

/// The times of some revisions, ascending, as far as they are known: by their own values, which tell more
/// when all are of one key, else by those around.
[[nodiscard]] std::vector<std::optional<kube::Timeline::At>> times_of(
    store::Store& store, const std::vector<mvcc::Revision>& revisions, bool one_key, MainRevision current);

}  // namespace kvctl::jobs
