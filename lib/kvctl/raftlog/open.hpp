#pragma once
#include <memory>
#include <string>

#include "kvctl/raftlog/source.hpp"

namespace kvctl::raftlog {

/// Opens whatever log `path` holds, told by content: a native store, JSON Lines, either text of
/// etcd-dump-logs, an etcd data directory, its `member` or its `member/wal`. Throws `not_a_store` when it is
/// none, `io` when it cannot be read.
/// Waits up to `timeout_ms` for the lock of a store, then throws `busy`.
[[nodiscard]] std::unique_ptr<Source> open(const std::string& path, int timeout_ms = 10000);

}  // namespace kvctl::raftlog
