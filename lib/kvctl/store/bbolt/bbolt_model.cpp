#include "kvctl/bbolt/check.hpp"
#include "kvctl/store/bbolt/bbolt.hpp"
#include "kvctl/store/bbolt/rebuild.hpp"
#include "kvctl/store/bbolt/writable.hpp"
#include "kvctl/store/compaction_model.hpp"
#include "kvctl/store/temp_file.hpp"

namespace kvctl::store {
namespace {

class BboltModel final : public CompactionModel {
  public:
    BboltModel(const BboltStore& store, const mvcc::TreeIndex& index)
        : info_(store.info()), size_(store, index) {}

    [[nodiscard]] Strategy strategy(const mvcc::CompactionPlan& /*plan*/, bool /*shrink*/) const override {
        return Strategy::rewrite;
    }
    [[nodiscard]] std::optional<std::uint64_t> file_bytes(const mvcc::CompactionPlan& plan,
                                                          const Outcome& outcome) override {
        return size_.bytes(plan, outcome.disarm);
    }
    [[nodiscard]] std::vector<SpaceNeeds> space_needs(const mvcc::CompactionPlan& /*plan*/,
                                                      const DiskWork& work) const override {
        std::vector<SpaceNeeds> needs;
        if (work.deletes || work.shrinks || work.output)
            needs.push_back({work.result_bytes, folder_of(work.output.value_or(info_.real_path))});
        if (work.backup) needs.push_back({info_.file_bytes, folder_of(*work.backup)});
        return needs;
    }
    [[nodiscard]] std::vector<std::uint32_t> old_value_bytes(const mvcc::CompactionPlan& /*plan*/) override {
        return {};
    }

  private:
    const StoreInfo& info_;
    RebuildSize size_;
};

}  // namespace

std::unique_ptr<CompactionModel> BboltStore::model(const mvcc::TreeIndex& index) {
    return std::make_unique<BboltModel>(*this, index);
}

void BboltStore::write_compacted(const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                                 const Execution& execution, const std::string& output) {
    rebuild_to_output(*this, {&index, &plan, execution.disarm}, output, execution.progress);
}

std::optional<Finding> BboltStore::missing_meta() const {
    if (file_.bucket("meta")) return std::nullopt;
    return Finding{Finding::Severity::error, "bbolt-bucket", info_.path,
                   "has no bucket \"meta\", as every etcd db has"};
}

// A snapshot's digest included. A broken meta beside a valid one is no fault: a server goes on from that too.
Findings BboltStore::structure_faults(Progress* progress) {
    Findings all;
    (void)bbolt::check_structure(file_, all, progress);
    std::erase_if(all, [](const Finding& f) {
        return f.severity != Finding::Severity::error || f.code == "bbolt-meta";
    });
    if (auto missing = missing_meta()) all.push_back(std::move(*missing));
    return all;
}

}  // namespace kvctl::store
