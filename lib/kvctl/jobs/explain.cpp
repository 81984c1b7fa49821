#include "kvctl/jobs/explain.hpp"

#include <algorithm>

#include "kvctl/jobs/local_clock.hpp"
#include "kvctl/mvcc/explain.hpp"

namespace kvctl::jobs {

ExplainResult explain(OpenedStore& opened, const ExplainRequest& request, Progress* progress) {
    if (request.rev) refuse_future(opened, *request.rev);
    if (request.at) refuse_future(opened, request.at->main);
    ExplainResult result;
    report::ExplainReport& report = result.report;
    report.key = request.key;
    auto index = std::make_unique<mvcc::TreeIndex>(load_keys(opened, report.key, progress, report.notes));
    const mvcc::CompactionPlan plan =
        mvcc::plan_compaction(*index, {opened.head.current, opened.head.compacted, opened.head.scheduled},
                              request.rev.value_or(opened.head.current));
    if (request.at) {
        report.rows = mvcc::explain_revision(*index, plan, request.at->main, request.at->sub);
    } else if (const auto id = mvcc::find_stored_key(*index, *report.key)) {
        report.rows = mvcc::explain_key(*index, plan, *id);
    }
    std::vector<mvcc::Revision> revisions;
    for (const mvcc::Explained& e : report.rows) revisions.push_back(index->revision(e.slot));
    report.times = times_of(*opened.store, revisions, !request.at, opened.head.current);
    note_lost_revisions(plan, report.notes);
    const auto stands_there = [&](const mvcc::Explained& row) {
        return index->is_tombstone(row.slot) &&
               index->revision(row.slot).main == plan.compacted_after.value();
    };
    if (std::any_of(report.rows.begin(), report.rows.end(), stands_there))
        note_open_choice(opened, *index, plan.compacted_after, report.notes);
    result.index = std::move(index);
    result.plan = std::make_unique<const mvcc::CompactionPlan>(plan);
    report.index = result.index.get();
    report.plan = result.plan.get();
    return result;
}

}  // namespace kvctl::jobs
