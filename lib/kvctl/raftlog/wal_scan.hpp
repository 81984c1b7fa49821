#pragma once
#include <functional>
#include <vector>

#include "kvctl/raftlog/wal_batch.hpp"

namespace kvctl::raftlog {

/// Reads all segments, decodes their records and hands them to `take` in order, batch by batch, until it
/// returns false. With `two_threads` another thread helps; `take` is then called on either, but never twice
/// at a time, and what it sees is the same. Throws `io`, `interrupted`, and what `take` throws, once both
/// threads have ended.
void scan_wal(const std::vector<WalSegment>& segments, bool two_threads,
              const std::function<bool(const WalBatch&)>& take);

}  // namespace kvctl::raftlog
