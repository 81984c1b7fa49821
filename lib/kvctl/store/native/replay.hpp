#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "kvctl/base/strong.hpp"
#include "kvctl/mvcc/record.hpp"
#include "kvctl/sqlite/database.hpp"
#include "kvctl/store/sqlite/sqlite_store.hpp"
#include "kvctl/store/sqlite/writable.hpp"

namespace kvctl::store {

/// Calls `f` for every row of a native store from main 1 on, in revision order. Values are not read: the
/// record's is empty, and `value_bytes` is its size.
void each_row(SqliteStore& store,
              const std::function<void(const mvcc::Record& row, std::uint64_t value_bytes)>& f);

/// The value of one row; nullopt when it is not stored. Leaves no statement open, unlike Store::record().
[[nodiscard]] std::optional<std::string> value_at(SqliteStore& store, mvcc::Revision revision);

/// Writes what a raft log made into a native store, in transactions of the caller's: rows, leases and the
/// position they stand for become durable together or not at all.
class ReplayWriter {
  public:
    /// Throws damaged where SqliteWritable::check_pages() does.
    explicit ReplayWriter(SqliteWritable& writable);

    /// Throws damaged when the revision is there already.
    void add(const mvcc::Record& record);
    void grant(const Lease& lease);
    void revoke(std::int64_t lease);
    /// Records a compaction as asked for; carrying it out is the executor's.
    void schedule(MainRevision revision);
    /// Commits what was written since the last commit together with the log position it reaches. The first
    /// write after a commit begins the next transaction.
    void commit(LogIndex index, Term term);

  private:
    void begin();

    sqlite::Database& db_;
    std::optional<sqlite::Transaction> transaction_;
    std::optional<sqlite::Statement> insert_;
};

}  // namespace kvctl::store
