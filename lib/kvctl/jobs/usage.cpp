#include "kvctl/jobs/usage.hpp"

#include <algorithm>
#include <tuple>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/jobs/facts.hpp"
#include "kvctl/jobs/row_groups.hpp"

namespace kvctl::jobs {
namespace {

std::vector<report::DuReport::Bucket> buckets_of(store::Store& store) {
    const auto facts = store.etcd_facts();
    if (!facts) {
        throw usage_error(fmt::format("{}: --by bucket: a {} store has no buckets; an etcd db has",
                                      store.info().path, name_of(store.info().layout)));
    }
    std::vector<report::DuReport::Bucket> all;
    for (const store::EtcdFacts::Bucket& b : facts->buckets)
        all.push_back({b.name, b.keys, b.bytes, b.pages});
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
        return std::tie(b.pages, b.bytes, a.name) < std::tie(a.pages, a.bytes, b.name);
    });
    return all;
}

}  // namespace

UsageResult usage(OpenedStore& opened, const UsageRequest& request, Progress* progress) {
    if (request.rev) refuse_future(opened, *request.rev);
    UsageResult result;
    report::DuReport& report = result.report;
    auto index = std::make_unique<mvcc::TreeIndex>(load_keys(opened, std::nullopt, progress, report.notes));
    const mvcc::CompactionPlan plan =
        mvcc::plan_compaction(*index, {opened.head.current, opened.head.compacted, opened.head.scheduled},
                              request.rev.value_or(opened.head.current));
    mvcc::UsageReport usage;
    if (request.by == "bucket") {
        report.buckets = buckets_of(*opened.store);
        // The keys are those of the bucket "key".
        usage = mvcc::measure_usage(*index, plan, request.what);
    } else if (request.by == "prefix") {
        usage = mvcc::measure_usage(*index, plan, request.what);
    } else {
        GroupedRows rows = group_rows(*opened.store, *index, request.by, progress);
        usage = mvcc::measure_usage(*index, plan, request.what, rows.groups);
        report.old_values = std::move(rows.old_values);
    }
    report.by = request.by;
    report.store = facts_of(opened.store->info());
    report.under = request.what.under;
    note_lost_revisions(plan, report.notes);
    note_open_choice(opened, *index, plan.compacted_after, report.notes);
    result.index = std::move(index);
    result.plan = std::make_unique<const mvcc::CompactionPlan>(plan);
    result.usage = std::make_unique<const mvcc::UsageReport>(std::move(usage));
    report.plan = result.plan.get();
    report.usage = result.usage.get();
    return result;
}

}  // namespace kvctl::jobs
