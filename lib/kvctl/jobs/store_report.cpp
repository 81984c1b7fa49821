#include "kvctl/jobs/store_report.hpp"

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/jobs/check.hpp"
#include "kvctl/jobs/churn.hpp"
#include "kvctl/jobs/compact.hpp"
#include "kvctl/jobs/page_picture.hpp"
#include "kvctl/jobs/status.hpp"
#include "kvctl/jobs/timeline.hpp"
#include "kvctl/jobs/words.hpp"

namespace kvctl::jobs {
namespace {

constexpr std::size_t k_prefixes = 40;
constexpr std::size_t k_writers = 20;
constexpr std::size_t k_stretches = 60;

// What one part of the page cannot be had for is the check's to tell; the other parts are there all the same.
bool is_of_the_data(const Error& e) noexcept {
    return e.kind() == ErrorKind::damaged || e.kind() == ErrorKind::refused ||
           e.kind() == ErrorKind::compacted;
}

// The line for a terminal, without what only looks.
std::string command_of(const StoreReportRequest& request, const CompactRequest& compaction) {
    const std::string target = compaction.rev ? fmt::format("--rev {}", *compaction.rev)
                                              : fmt::format("--keep-last {}", *compaction.keep_last);
    return fmt::format("kvctl compact {} --vacuum --dry-run{}", target,
                       store_words(request.path, request.open));
}

void add_notes(const report::Notes& notes, report::StoreReport& r) {
    for (const std::string& w : notes.warnings) r.warnings.push_back(w);
}

CompactRequest compaction_of(const StoreReportRequest& request) {
    CompactRequest c{.path = request.path,
                     .open = request.open,
                     .rules = request.rules,
                     .rev = request.rev,
                     .keep_last = request.keep_last,
                     .vacuum = true,
                     .wal_dir = request.wal_dir};
    if (!c.rev && !c.keep_last)
        c.keep_last =
            static_cast<std::uint64_t>(store::open_store(request.path, request.open)->kept_by_server());
    return c;
}

// Sizes before and after, the prefixes and keys, and the map: all from one index.
void add_compaction(const StoreReportRequest& request, Progress* progress, report::StoreReport& r) {
    const CompactRequest asked = compaction_of(request);
    const CompactResult done = forecast_compaction(asked, progress);
    const mvcc::CompactionPlan& plan = *done.plan;
    report::Forecast f;
    f.target = plan.compacted_after.value();
    f.nothing_to_do = done.report.result != "would-compact";
    f.before = plan.before;
    f.removed = plan.removed;
    f.kept = plan.kept;
    f.file_before = done.report.file_before;
    f.file_after = done.report.file_after_vacuum;
    f.refusal = done.report.refusal.reason;
    f.command = command_of(request, asked);
    r.forecast = std::move(f);
    add_notes(done.report.notes, r);
    mvcc::UsageRequest usage;
    usage.top = k_prefixes;
    r.usage = mvcc::measure_usage(*done.index, plan, usage);
    const std::unique_ptr<store::Store> store = store::open_store(request.path, request.open);
    r.pages = draw_pages(*store, *done.index, progress);
}

void add_writes(const StoreReportRequest& request, Progress* progress, report::StoreReport& r) {
    kube::Timeline clock;
    report::ChurnReport churn = measure_churn({.path = request.path,
                                               .open = request.open,
                                               .by = kube::By::manager,
                                               .under = {},
                                               .from = {},
                                               .to = {},
                                               .since = {},
                                               .top = k_writers},
                                              progress, &clock);
    if (clock.points().empty()) return;  // no objects of Kubernetes': nobody who writes has a name
    report::TimelineReport timeline;
    draw_stretches(clock, k_stretches, timeline);
    r.timeline = std::move(timeline);
    add_notes(churn.notes, r);
    r.churn = std::move(churn);
}

}  // namespace

report::StoreReport gather_report(const StoreReportRequest& request, Progress* progress) {
    report::StoreReport r;
    r.status = status(
        {.path = request.path, .open = request.open, .rules = request.rules, .wal_dir = request.wal_dir},
        progress);
    try {
        add_compaction(request, progress, r);
    } catch (const Error& e) {
        if (!is_of_the_data(e)) throw;
        r.no_forecast = e.what();
    }
    try {
        add_writes(request, progress, r);
    } catch (const Error& e) {
        if (!is_of_the_data(e)) throw;
        r.warnings.emplace_back(std::string("writes could not be counted: ") + e.what());
    }
    r.check = check({.path = request.path,
                     .open = request.open,
                     .rules = request.rules,
                     .version = {},
                     .wal_dir = request.wal_dir},
                    progress);
    return r;
}

}  // namespace kvctl::jobs
