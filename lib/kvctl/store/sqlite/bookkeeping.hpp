#pragma once
#include "kvctl/mvcc/compaction.hpp"
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

/// Finds a row's slot: at once when rows come in revision order, by search when they do not.
class SlotCursor {
  public:
    explicit SlotCursor(const mvcc::TreeIndex& index) : index_(index) {}
    /// k_no_slot when the index has no such row.
    [[nodiscard]] mvcc::Slot at(mvcc::Revision revision);

  private:
    const mvcc::TreeIndex& index_;
    mvcc::Slot next_ = 0;
};

}  // namespace kvctl::store
