#include "kvctl/base/error.hpp"
#include "kvctl/store/dqlite/dqlite.hpp"
#include "kvctl/store/dqlite/new_folder.hpp"
#include "kvctl/store/temp_file.hpp"
#include "kvctl/store/writable.hpp"

namespace kvctl::store {
namespace {

// Kine's, but for the way it is carried out: always anew, into another directory.
class DqliteModel final : public CompactionModel {
  public:
    DqliteModel(DqliteStore& store, std::unique_ptr<CompactionModel> kine)
        : store_(store), kine_(std::move(kine)) {}

    [[nodiscard]] Strategy strategy(const mvcc::CompactionPlan& /*plan*/, bool /*shrink*/) const override {
        return Strategy::rewrite;
    }
    [[nodiscard]] std::optional<std::uint64_t> file_bytes(const mvcc::CompactionPlan& plan,
                                                          const Outcome& outcome) override {
        return kine_->file_bytes(plan, outcome);
    }
    [[nodiscard]] std::vector<SpaceNeeds> space_needs(const mvcc::CompactionPlan& plan,
                                                      const DiskWork& work) const override {
        return kine_->space_needs(plan, work);
    }
    void check_copyable() const override { kine_->check_copyable(); }
    [[nodiscard]] std::vector<std::uint32_t> old_value_bytes(const mvcc::CompactionPlan& plan) override {
        return kine_->old_value_bytes(plan);
    }
    [[nodiscard]] std::vector<std::string> warnings(const StoreHead& head, const mvcc::CompactionPlan& plan,
                                                    bool works) override {
        std::vector<std::string> all = kine_->warnings(head, plan, works);
        const dqlite::State& state = store_.state();
        if (dqlite::voters(state.configuration) > 1) {
            all.push_back("stop all " + std::to_string(state.configuration.size()) +
                          " members and put the new directory on every one of them, each with its own "
                          "info.yaml; or write --voter ID, "
                          "put it on that member alone and let the others join anew");
            all.emplace_back(
                "the last entries of the log may not be committed: take the member whose log is the longest");
        }
        if (state.databases.size() > 1)
            all.emplace_back("the directory holds other databases, which the new one will not hold");
        return all;
    }

  private:
    DqliteStore& store_;
    std::unique_ptr<CompactionModel> kine_;
};

}  // namespace

const Traits& DqliteStore::traits() const noexcept {
    static const Traits k_traits = [this] {
        Traits traits = KineStore::traits();
        traits.in_place = false;
        traits.journal = false;
        traits.names_cluster = true;
        return traits;
    }();
    return k_traits;
}

std::unique_ptr<CompactionModel> DqliteStore::model(const mvcc::TreeIndex& index) {
    return std::make_unique<DqliteModel>(*this, KineStore::model(index));
}

void DqliteStore::write_compacted(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                                  const Execution& execution, const std::string& output) {
    expect_new(output);
    if (state_->databases.size() > 1) {
        throw Error(ErrorKind::refused,
                    info().path + ": it holds other databases beside " + database() +
                        ", which a compacted directory would lose; 'kvctl import' takes this one alone");
    }
    (void)members_of(*state_, execution.voter);  // a wrong --voter before any work
    const DqliteLock lock(info().path, timeout_ms_);
    if (!dqlite::unchanged(state_->folder)) {
        throw Error(ErrorKind::in_use,
                    info().path + ": a node changed it since it was read; stop the node and run again");
    }
    const TempFile database_file(output);
    copy_compacted(database_file, index, plan, execution);
    (void)write_new_folder(*state_, {output, database_file.path(), database(), execution.voter});
}

}  // namespace kvctl::store
