#include "kvctl/store/sqlite/model.hpp"

#include "kvctl/store/sqlite/execute.hpp"
#include "kvctl/store/sqlite/space.hpp"

namespace kvctl::store {

std::optional<std::uint64_t> SqliteModel::file_bytes(const mvcc::CompactionPlan& plan,
                                                     const Outcome& outcome) {
    if (!rest_) rest_ = {other_pages(store_), order_of_rows(store_, index_)};
    std::vector<std::uint32_t> old_values;
    if (outcome.drop_old_values) old_values = old_value_bytes(plan);
    const bool copied =
        plan.kind == mvcc::CompactionPlan::Kind::compact && outcome.strategy == Strategy::rewrite;
    return predict_file_bytes(store_, index_, plan, rest_->pages, old_values,
                              copied ? RowOrder{} : rest_->as_they_stand);
}

std::vector<SpaceNeeds> SqliteModel::space_needs(const mvcc::CompactionPlan& plan,
                                                 const DiskWork& work) const {
    return store::space_needs(store_, index_, plan, work);
}

void SqliteModel::check_copyable() const {
    store::check_copyable(store_);
}

std::vector<std::uint32_t> SqliteModel::old_value_bytes(const mvcc::CompactionPlan& plan) {
    if (!store_.traits().old_values) return {};
    return store::old_value_bytes(store_, index_, plan);
}

}  // namespace kvctl::store
