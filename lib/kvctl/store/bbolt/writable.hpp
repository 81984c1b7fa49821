#pragma once
#include <cstddef>
#include <memory>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/store/bbolt/bbolt.hpp"
#include "kvctl/store/bbolt/hold.hpp"
#include "kvctl/store/bbolt/rebuild.hpp"

namespace kvctl::store {

/// An etcd db, snapshot or data dir whose db nobody else has locked, from open() to close(). Changing it is
/// writing it anew and putting the new file in its place; a WAL and .snap files beside it are never touched.
class BboltWritable {
  public:
    /// Throws in_use as BboltHold does, refused when the file has more than one name. Removes temporary files
    /// of runs that were killed.
    [[nodiscard]] static BboltWritable open(const std::string& path, const OpenOptions& options);

    [[nodiscard]] BboltStore& store() noexcept { return *store_; }
    [[nodiscard]] const StoreInfo& info() const noexcept { return store_->info(); }

    /// Copies the db as it is to the new file `to`.
    void backup(const std::string& to) const;
    /// Writes the db anew with the changes, compares it with the source, and puts it in its place. Throws
    /// damaged with nothing replaced. Closes the store.
    void replace(const RebuildChanges& changes, Progress* progress);
    /// Whether the file may be another than it was: what was made for the case of a mishap is then kept.
    [[nodiscard]] bool may_have_changed() const noexcept { return changed_; }
    /// Lets go of the file and its lock.
    void close();

  private:
    BboltWritable() = default;
    std::unique_ptr<BboltHold> hold_;
    std::unique_ptr<BboltStore> store_;  // goes first
    bool changed_ = false;
};

/// The same into the new file `output`; the source is only read and must be held by the caller, so that
/// nobody writes to it. A snapshot's output has a digest, a data dir's has none.
void rebuild_to_output(const BboltStore& store, const RebuildChanges& changes, const std::string& output,
                       Progress* progress);

}  // namespace kvctl::store
