#pragma once
#include <memory>
#include <string>

#include "kvctl/raftlog/source.hpp"

namespace kvctl::sqlite {
class Database;
}

namespace kvctl::raftlog {

/// Whether an open database has a `raft_entry` table.
[[nodiscard]] bool has_table(const sqlite::Database& db);

/// The log in the `raft_entry` table of an open native store; `db` outlives the source, and its transaction
/// decides what is seen. Rows of the wrong type are findings and left out. Throws not_a_store without that
/// table.
[[nodiscard]] std::unique_ptr<Source> open_table(sqlite::Database& db);

/// The same with a connection of its own, chosen so that reading changes nothing on disk. Waits up to
/// `timeout_ms` for a lock, then throws busy.
[[nodiscard]] std::unique_ptr<Source> open_table(const std::string& path, int timeout_ms);

}  // namespace kvctl::raftlog
