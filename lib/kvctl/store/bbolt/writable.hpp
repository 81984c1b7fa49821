#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/store/bbolt/bbolt.hpp"
#include "kvctl/store/bbolt/hold.hpp"
#include "kvctl/store/bbolt/rebuild.hpp"
#include "kvctl/store/writable.hpp"

namespace kvctl::store {

/// An etcd db, snapshot or data dir whose db nobody else has locked. Changing it is writing it anew and
/// putting the new file in its place; a WAL and .snap files beside it are never touched.
class BboltWritable final : public WritableStore {
  public:
    /// Throws in_use as BboltHold does, refused when the file has more than one name. Removes temporary files
    /// of runs that were killed.
    [[nodiscard]] static BboltWritable open(const std::string& path, const OpenOptions& options);

    [[nodiscard]] BboltStore& store() noexcept override { return *store_; }
    [[nodiscard]] std::string why_in_place() const override { return {}; }
    void backup(const std::string& to) override;
    /// Always a new file, in one go: a strategy or batches make no difference.
    void execute(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan, Strategy strategy,
                 std::optional<std::int64_t> batch, const Execution& execution) override;
    void shrink(Progress* progress) override;
    [[nodiscard]] bool may_have_changed() const noexcept override { return changed_; }
    void close() override;

  private:
    BboltWritable() = default;
    void replace(const RebuildChanges& changes, Progress* progress);

    std::unique_ptr<BboltHold> hold_;
    std::unique_ptr<BboltStore> store_;  // goes first
    bool changed_ = false;
};

/// The same into the new file `output`; the source is only read and must be held by the caller, so that
/// nobody writes to it. A digest stands behind it as in the source, unless `digest` says otherwise.
void rebuild_to_output(const BboltStore& store, const RebuildChanges& changes, const std::string& output,
                       Progress* progress, std::optional<bool> digest = std::nullopt);

}  // namespace kvctl::store
