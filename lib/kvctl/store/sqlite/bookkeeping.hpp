#pragma once
#include "kvctl/store/slot_cursor.hpp"
#include "kvctl/store/sqlite/execute.hpp"
#include "kvctl/store/sqlite/sqlite_store.hpp"

namespace kvctl::store {

/// Records the compact revision in an open transaction. Native: meta's scheduled and finished. Kine: exactly
/// one compact row, which is the one that is MAX(id), else the one with the lowest id, else a new one.
void record_compact_revision(const sqlite::Database& db, Layout layout, MainRevision revision);
/// Native: only the schedule, as etcd does before it deletes.
void record_scheduled_revision(const sqlite::Database& db, MainRevision revision);
/// Native: the last log entry the store reflects.
void record_log_position(const sqlite::Database& db, LogIndex index, Term term);
/// Native: deletes log entries up to `index` and makes it the dummy entry.
void compact_raft_table(const sqlite::Database& db, LogIndex index);

}  // namespace kvctl::store
