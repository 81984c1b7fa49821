#include "kvctl/store/sqlite/model.hpp"

#include <algorithm>

#include "kvctl/store/sqlite/execute.hpp"

namespace kvctl::store {

Strategy SqliteModel::strategy(const mvcc::CompactionPlan& plan, bool shrink) const {
    return choose_strategy(store_, plan, shrink);
}

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

// Old rows stand together, and so do their entries in a native store's primary key; in kine's indexes by name
// they stand anywhere, some sixty to a page.
std::uint64_t SqliteModel::changed_bytes(const mvcc::CompactionPlan& plan) const {
    const StoreInfo& info = store_.info();
    const std::uint64_t all = std::max<std::uint64_t>(1, plan.before.revisions);
    const double share = static_cast<double>(plan.removed.revisions) / static_cast<double>(all);
    const std::uint64_t used = (info.pages - std::min(info.pages, info.free_pages)) * info.page_size;
    constexpr std::uint64_t k_row_overhead = 30;
    const std::uint64_t table =
        info.layout == Layout::kine ? std::min(used, plan.before.bytes + k_row_overhead * all) : used;
    const double changed = static_cast<double>(table) * share * 1.25 +
                           static_cast<double>(used - table) * std::min(1.0, share * 60);
    return std::min(used, static_cast<std::uint64_t>(changed));
}

std::vector<std::uint32_t> SqliteModel::old_value_bytes(const mvcc::CompactionPlan& plan) {
    if (!store_.traits().old_values) return {};
    return store::old_value_bytes(store_, index_, plan);
}

std::unique_ptr<CompactionModel> SqliteStore::model(const mvcc::TreeIndex& index) {
    return std::make_unique<SqliteModel>(*this, index);
}

}  // namespace kvctl::store
