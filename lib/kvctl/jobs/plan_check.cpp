#include "kvctl/jobs/plan_check.hpp"

#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/jobs/words.hpp"
#include "kvctl/mvcc/refusals.hpp"

namespace kvctl::jobs {
namespace {

constexpr std::size_t k_breaks_named = 20;

Finding version_break(mvcc::Revision r) {
    return {Finding::Severity::error, "version-break", mvcc::revision_text(r),
            "its version does not follow from the key's revision before it", r.main};
}

void add_duplicates(const mvcc::TreeIndex& index, Findings& found) {
    if (index.duplicates() == 0) return;
    found.push_back({Finding::Severity::error, "duplicate-revision", "",
                     many(index.duplicates(), "row") + " repeat another row's revision", std::nullopt});
}

}  // namespace

Findings index_damage(const mvcc::TreeIndex& index) {
    Findings found;
    for (const mvcc::Slot s : index.version_breaks()) {
        if (found.size() == k_breaks_named) break;
        found.push_back(version_break(index.revision(s)));
    }
    add_duplicates(index, found);
    return found;
}

void refuse_faults(store::Store& store, const std::string& path, Progress* progress) {
    for (const Finding& f : store.structure_faults(progress))
        throw Error(ErrorKind::damaged, fault_text(path, f));
}

void check_plan(const std::string& path, const mvcc::TreeIndex& index, const Findings& findings,
                const mvcc::CompactionPlan& plan, const std::string& outcome) {
    Findings all = findings;
    // Those that are named may all lie above the plan's revision: the first that is not, if any.
    for (const mvcc::Slot s : index.version_breaks()) {
        if (index.revision(s).main > plan.compacted_after.value()) continue;
        all.push_back(version_break(index.revision(s)));
        break;
    }
    add_duplicates(index, all);
    for (const Finding& f : all) {
        if (f.severity != Finding::Severity::error || f.code == "lost-live-revision") continue;
        if (f.revision && *f.revision > plan.compacted_after.value()) continue;
        throw Error(ErrorKind::damaged, fmt::format("{}; {} ({} names all such rows)", fault_text(path, f),
                                                    outcome, command_on(path, "check")));
    }
    if (!plan.lost_live.empty())
        throw mvcc::lost_live_error(path, plan.lost_live.front(), plan.compacted_after);
}

}  // namespace kvctl::jobs
