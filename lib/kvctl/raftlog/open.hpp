#pragma once
#include <memory>
#include <optional>
#include <string>

#include "kvctl/raftlog/source.hpp"

namespace kvctl::raftlog {

/// Opens whatever log `path` holds, told by content: a native store, JSON Lines, either text of
/// etcd-dump-logs, an etcd data directory, its `member` or its `member/wal`. Throws `not_a_store` when it is
/// none, `io` when it cannot be read.
/// Waits up to `timeout_ms` for the lock of a store, then throws `busy`.
///
/// With `wal_dir` the log is the one in that directory, and `path` the data directory (or the db of it) that
/// it belongs to: a server started with --wal-dir keeps them apart.
///
/// `whole`: the index of a dqlite directory's snapshot whose data was read already; that of others is
/// unpacked to see whether it can be.
[[nodiscard]] std::unique_ptr<Source> open(const std::string& path, int timeout_ms = 10000,
                                           const std::optional<std::string>& wal_dir = std::nullopt,
                                           std::optional<LogIndex> whole = std::nullopt);

}  // namespace kvctl::raftlog
