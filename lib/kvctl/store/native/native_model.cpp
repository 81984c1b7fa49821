#include <algorithm>

#include "kvctl/store/native/native.hpp"
#include "kvctl/store/sqlite/model.hpp"

namespace kvctl::store {
namespace {

class NativeModel final : public SqliteModel {
  public:
    using SqliteModel::SqliteModel;

    // A copy of the survivors wins from a half removed, a third when shrinking as well. For less, rows are
    // deleted in place, and shrinking then copies indexes as they are instead of sorting them anew.
    [[nodiscard]] Strategy strategy(const mvcc::CompactionPlan& plan, bool shrink) const override {
        const std::uint64_t all = std::max<std::uint64_t>(1, plan.before.revisions);
        return plan.removed.revisions * (shrink ? 3 : 2) > all ? Strategy::rewrite : Strategy::in_place;
    }
};

}  // namespace

std::unique_ptr<CompactionModel> NativeStore::model(const mvcc::TreeIndex& index) {
    return std::make_unique<NativeModel>(*this, index);
}

}  // namespace kvctl::store
