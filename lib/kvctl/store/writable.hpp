#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/store/compaction_model.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::store {

/// What goes with a compaction beside the revisions.
struct Execution {
    bool drop_old_values =
        false;  ///< kine: old_value of survivors at or below the compact revision becomes NULL
    std::optional<LogIndex> raft_compact_to;  ///< native: the log's new dummy entry; entries up to it go
    Progress* progress = nullptr;
    bool disarm = false;                   ///< bbolt: NOSPACE alarms go
    std::optional<std::uint64_t> voter{};  ///< dqlite: the server that is to be the only member
};

/// A store that this process alone holds, from open_writable() to close(): nobody else can read or write it
/// meanwhile.
class WritableStore {
  public:
    WritableStore(const WritableStore&) = delete;
    WritableStore& operator=(const WritableStore&) = delete;
    virtual ~WritableStore() = default;

    [[nodiscard]] virtual Store& store() noexcept = 0;
    [[nodiscard]] const StoreInfo& info() noexcept { return store().info(); }

    /// Why the file is not replaced by a new one but worked on in place; empty: it may be replaced.
    [[nodiscard]] virtual std::string why_in_place() const = 0;
    /// Gives the file system what the store's files hold without need, as far as that goes at once: a -wal is
    /// moved into the file.
    virtual void make_room() {}
    /// Copies the store as it is now to the new file `to`: refused when it exists, io on failure (nothing is
    /// left).
    virtual void backup(const std::string& to) = 0;

    /// Carries the plan out. In place: in one transaction, checked against the plan before it is committed;
    /// with `batch` in transactions of so many revisions, which a later run resumes. Rewriting: survivors go
    /// into a new file, which is checked against the plan and renamed over the store; until then the store is
    /// as it was, and afterwards it is closed. Throws damaged, with nothing changed, when the store is not
    /// what the plan was made from.
    virtual void execute(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan, Strategy strategy,
                         std::optional<std::int64_t> batch, const Execution& execution) = 0;
    /// Gives free space back to the file system, and closes the store.
    virtual void shrink(Progress* progress) = 0;

    /// Whether the store may be another than it was: what was made for the case of a mishap is then kept.
    [[nodiscard]] virtual bool may_have_changed() const noexcept = 0;
    /// Ends the hold on the file; the store is gone from here.
    virtual void close() = 0;

  protected:
    WritableStore() = default;
    WritableStore(WritableStore&&) = default;
    WritableStore& operator=(WritableStore&&) = default;
};

/// Waits up to the timeout. Throws in_use when somebody has the store open, busy when somebody holds a lock
/// on it, both with the pids the system shows; read_only_layout for a layout that is never written. Removes
/// temporary files of runs that were killed, and rolls back a transaction that was cut short.
[[nodiscard]] std::unique_ptr<WritableStore> open_writable(const std::string& path,
                                                           const OpenOptions& options);

}  // namespace kvctl::store
