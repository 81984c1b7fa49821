#include "kvctl/jobs/churn.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "kvctl/jobs/facts.hpp"
#include "kvctl/jobs/kube_scan.hpp"
#include "kvctl/jobs/row_pipe.hpp"

namespace kvctl::jobs {
namespace {

constexpr std::size_t k_fields = 20;

const char* word_of(kube::By by) noexcept {
    switch (by) {
        case kube::By::key:
            return "key";
        case kube::By::resource:
            return "resource";
        case kube::By::kind:
            return "kind";
        case kube::By::name_space:
            return "namespace";
        case kube::By::manager:
            return "manager";
    }
    return "";
}

// The first revision that is not older than the time asked for.
MainRevision revision_since(store::Store& store, const Since& since, Progress* progress) {
    const kube::Timeline timeline = require_timeline(store, progress);
    const kube::Time newest = timeline.points().back().time;
    const kube::Time begin = since.at ? *since.at : kube::Time(newest.value() - since.before_newest);
    const auto found = timeline.revision_at(kube::Time(begin.value() - 1));
    return found ? MainRevision(found->revision.value() + 1)
                 : MainRevision(std::numeric_limits<std::int64_t>::min());
}

// One thread reads the rows and finds what came before each, another one compares.
void count_all(store::Store& store, MainRevision to, Progress* progress, kube::Churn& churn) {
    kube::Predecessors rows(value_reader(store));
    RowPipe pipe([&churn](const mvcc::Record& record, const kube::Predecessors::Before& before) {
        churn.add(record, before);
    });
    scan(store, to, progress, [&](const mvcc::Record& record) {
        const bool counted = churn.counts(record);
        pipe.push(record, rows.step(record, counted, counted));
    });
    pipe.finish();
}

void set_times(report::ChurnReport& report, const kube::Timeline& timeline) {
    if (const auto at = timeline.time_of(report.from)) report.from_time = at->time;
    if (const auto at = timeline.time_of(report.to)) report.to_time = at->time;
}

}  // namespace

report::ChurnReport measure_churn(const ChurnRequest& request, Progress* progress, kube::Timeline* clock) {
    const std::unique_ptr<store::Store> store = store::open_store(request.path, request.open);
    const store::StoreHead head = store->head();
    constexpr MainRevision k_first(std::numeric_limits<std::int64_t>::min());
    kube::Churn::Window window{request.from.value_or(k_first), request.to.value_or(head.current),
                               request.under};
    check_window(*store, head, window.from, window.to);
    if (request.since) window.from = revision_since(*store, *request.since, progress);

    kube::Churn churn(request.by, window);
    count_all(*store, window.to, progress, churn);

    report::ChurnReport report;
    report.store = facts_of(store->info());
    report.by = word_of(request.by);
    report.under = request.under;
    report.from = window.from == k_first ? churn.first() : window.from;
    report.to = window.to;
    report.rows = churn.rows();
    report.all_rows = report.rows.size();
    if (request.top && report.rows.size() > *request.top) report.rows.resize(*request.top);
    report.fields = churn.fields(k_fields);
    report.total = churn.total();
    kube::Timeline timeline = churn.timeline();
    set_times(report, timeline);
    note_clock(timeline, head, report.notes);
    if (timeline.points().empty())
        report.notes.warnings.emplace_back(
            "there is no clock in the store: times and writes an hour are unknown");
    if (churn.fields_dropped())
        report.notes.warnings.emplace_back(
            "more field paths changed than are counted at once: rare ones may count too few");
    if (clock != nullptr) *clock = std::move(timeline);
    return report;
}

}  // namespace kvctl::jobs
