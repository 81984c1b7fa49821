#include <algorithm>
#include <limits>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/store/kine/kine.hpp"
#include "kvctl/store/sqlite/model.hpp"

namespace kvctl::store {
namespace {

constexpr std::int64_t k_last_revision = std::numeric_limits<std::int64_t>::max();

class KineModel final : public SqliteModel {
  public:
    KineModel(KineStore& store, const mvcc::TreeIndex& index) : SqliteModel(store, index), kine_(store) {}

    // Six indexes make every deletion dear: a copy of the survivors wins from a tenth removed.
    [[nodiscard]] Strategy strategy(const mvcc::CompactionPlan& plan, bool /*shrink*/) const override {
        if (!kine_.why_not_copied().empty()) return Strategy::in_place;
        const std::uint64_t all = std::max<std::uint64_t>(1, plan.before.revisions);
        return plan.removed.revisions * 10 > all ? Strategy::rewrite : Strategy::in_place;
    }

    [[nodiscard]] std::vector<std::string> warnings(const StoreHead& head, const mvcc::CompactionPlan& plan,
                                                    bool works) override {
        std::vector<std::string> w;
        tell_rows(head, works, w);
        tell_pointers(plan, w);
        tell_surroundings(w);
        if (works) tell_servers(plan, w);
        return w;
    }

    void check_shrinkable() const override { kine_.refuse_keyless(); }

    [[nodiscard]] std::vector<std::string> others_to_stop() const override {
        const auto text = kine_.litestream_advice();
        return text ? std::vector{*text} : std::vector<std::string>{};
    }

  private:
    void tell_rows(const StoreHead& head, bool works, std::vector<std::string>& w) {
        if (head.bookkeeping_row_missing) {
            w.push_back(fmt::format("the row that holds the compact revision is missing; {}",
                                    works ? "one is inserted and takes the next revision"
                                          : "a compaction that has something to do inserts one"));
        } else if (head.bookkeeping_rows > 1) {
            w.push_back(
                fmt::format("{} hold the compact revision; {}", many(head.bookkeeping_rows, "row"),
                            works ? "one is kept" : "a compaction that has something to do keeps one"));
        }
        if (const auto rows = kine_.legacy_table())
            w.push_back(fmt::format("the old table key_value holds {}; it is never touched", *rows));
    }

    static void tell_pointers(const mvcc::CompactionPlan& plan, std::vector<std::string>& w) {
        if (plan.cross_key_pointers > 0) {
            w.push_back(fmt::format("{} point at a row of another key; such pointers are not followed",
                                    many(plan.cross_key_pointers, "row")));
        }
        if (plan.dangling_pointers > 0) {
            w.push_back(fmt::format("{} point above the compact revision at a row that is not there",
                                    many(plan.dangling_pointers, "row")));
        }
    }

    void tell_surroundings(std::vector<std::string>& w) const {
        if (kine_.lost_its_wal()) {
            w.emplace_back(
                "it is in WAL mode, holds no row and has no -wal beside it: was that left behind?");
        }
        for (std::string& other : others_to_stop()) w.push_back(std::move(other));
    }

    void tell_servers(const mvcc::CompactionPlan& plan, std::vector<std::string>& w) const {
        if (const std::string why = kine_.why_not_copied(); !why.empty() && kine_.keyed())
            w.push_back("its rows are deleted in place: " + why);
        if (plan.kept_current) {
            w.push_back(fmt::format(
                "row {} is kept although it is a tombstone or gap: it holds the current revision (kine since "
                "0.16.5 does not look at it again; a later run of kvctl compact removes it)",
                plan.kept_current->main));
        }
        const std::int64_t keeps = kine_.kept_by_server();
        if (plan.compacted_after.value() > plan.current.value() - keeps) {
            w.push_back(fmt::format(
                "revision {} is among the last {}, which kine itself keeps: running clients must list again",
                plan.compacted_after, group_digits(keeps)));
        }
        if (kine_.info().layout == Layout::dqlite) return;
        // kine before 0.15 begins to watch for expiry at a revision that must lie above the compact revision.
        mvcc::Slot newest = mvcc::k_no_slot;
        const mvcc::TreeIndex& rows = index();
        rows.for_each_row(rows.lower_bound(plan.compacted_after), rows.slot_end(), [&](mvcc::Slot s) {
            const mvcc::KeyId key = rows.key_of(s);
            if (key < mvcc::k_gap_key && !rows.is_tombstone(s) && rows.key(key).starts_with('/')) newest = s;
        });
        if (newest == mvcc::k_no_slot || rows.revision(newest).main - 1 < plan.compacted_after.value()) {
            w.emplace_back(
                "kine older than 0.15 does not expire leases after this until it is started once more");
        }
    }

    KineStore& kine_;
};

}  // namespace

std::unique_ptr<CompactionModel> KineStore::model(const mvcc::TreeIndex& index) {
    return std::make_unique<KineModel>(*this, index);
}

void KineStore::check_compactable(const StoreHead& head) const {
    if (head.current != MainRevision(k_last_revision)) return;
    throw Error(ErrorKind::damaged, fmt::format("{}: row {} has the largest id there can be: kine can never "
                                                "write to this store again; remove that row first",
                                                info_.path, k_last_revision));
}

}  // namespace kvctl::store
