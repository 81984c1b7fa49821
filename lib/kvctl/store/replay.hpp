#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kvctl/base/strong.hpp"
#include "kvctl/mvcc/record.hpp"
#include "kvctl/store/store.hpp"
#include "kvctl/store/writable.hpp"

namespace kvctl::store {

/// The rows of a store that a raft log may be replayed into, as a server would read them at its start.
class ReplayRows {
  public:
    ReplayRows() = default;
    ReplayRows(const ReplayRows&) = delete;
    ReplayRows& operator=(const ReplayRows&) = delete;
    virtual ~ReplayRows() = default;

    /// Calls `f` for every row from main 1 on, in revision order. Values are not read: the record's is empty,
    /// and `value_bytes` is its size.
    virtual void each(const std::function<void(const mvcc::Record& row, std::uint64_t value_bytes)>& f) = 0;
    /// The value of one row; nullopt when it is not stored. Leaves no statement open, unlike Store::record().
    [[nodiscard]] virtual std::optional<std::string> value_at(mvcc::Revision revision) = 0;
};

/// Writes what a raft log made into a store, in transactions of the caller's: rows, leases and the position
/// they stand for become durable together or not at all.
class ReplayWriter {
  public:
    ReplayWriter() = default;
    ReplayWriter(const ReplayWriter&) = delete;
    ReplayWriter& operator=(const ReplayWriter&) = delete;
    virtual ~ReplayWriter() = default;

    /// Throws damaged when the revision is there already.
    virtual void add(const mvcc::Record& record) = 0;
    virtual void grant(const Lease& lease) = 0;
    virtual void revoke(std::int64_t lease) = 0;
    /// Records a compaction as asked for; carrying it out is the executor's.
    virtual void schedule(MainRevision revision) = 0;
    /// Commits what was written since the last commit together with the log position it reaches. The first
    /// write after a commit begins the next transaction.
    virtual void commit(LogIndex index, Term term) = 0;
    /// The file as it is now.
    [[nodiscard]] virtual StoreInfo info_now() = 0;
};

/// Throws read_only_layout, or refused, with the way out, for a layout that no log is replayed into.
void check_replayable(const Store& store);
/// Both throw as check_replayable() does; the writer also damaged where a page of the file has two uses.
[[nodiscard]] std::unique_ptr<ReplayRows> replay_rows(Store& store);
[[nodiscard]] std::unique_ptr<ReplayWriter> replay_writer(WritableStore& writable);

}  // namespace kvctl::store
