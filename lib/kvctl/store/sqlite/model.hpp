#pragma once
#include <memory>

#include "kvctl/store/compaction_model.hpp"
#include "kvctl/store/sqlite/predict.hpp"
#include "kvctl/store/sqlite/sqlite_store.hpp"

namespace kvctl::store {

/// The part of a layout's model that follows from its being in SQLite.
class SqliteModel : public CompactionModel {
  public:
    SqliteModel(SqliteStore& store, const mvcc::TreeIndex& index) : store_(store), index_(index) {}

    /// As VACUUM packs, or as a copy does. The first call reads what stands beside the revisions.
    [[nodiscard]] std::optional<std::uint64_t> file_bytes(const mvcc::CompactionPlan& plan,
                                                          const Outcome& outcome) override;
    [[nodiscard]] std::vector<SpaceNeeds> space_needs(const mvcc::CompactionPlan& plan,
                                                      const DiskWork& work) const override;
    void check_copyable() const override;
    [[nodiscard]] std::vector<std::uint32_t> old_value_bytes(const mvcc::CompactionPlan& plan) override;

  protected:
    [[nodiscard]] const mvcc::TreeIndex& index() const noexcept { return index_; }

  private:
    SqliteStore& store_;
    const mvcc::TreeIndex& index_;
    struct Rest {
        std::uint64_t pages;
        RowOrder as_they_stand;
    };
    std::optional<Rest> rest_;
};

}  // namespace kvctl::store
