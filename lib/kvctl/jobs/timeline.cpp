#include "kvctl/jobs/timeline.hpp"

#include <algorithm>
#include <array>

#include "kvctl/base/format.hpp"
#include "kvctl/jobs/facts.hpp"
#include "kvctl/jobs/kube_scan.hpp"

namespace kvctl::jobs {
namespace {

using Answer = report::TimelineReport::Answer;

constexpr std::int64_t k_minute = 60 * kube::k_second;
constexpr std::int64_t k_hour = 60 * k_minute;

// The newest revision not after a time; behind all times that is the store's current one.
Answer answer_at(const store::Store& store, const store::StoreHead& head, const kube::Timeline& timeline,
                 kube::Time time) {
    const auto found = timeline.revision_at(time);
    if (!found) {
        throw Error(ErrorKind::refused,
                    fmt::format("{}: {} lies before the oldest time in the store, {} at revision {}",
                                store.info().path, kube::format_time(time),
                                kube::format_time(timeline.points().front().time),
                                timeline.points().front().revision));
    }
    if (found->revision == timeline.points().back().revision && found->revision < head.current)
        return {head.current, found->time, std::nullopt};
    return {found->revision, found->time, found->error};
}

Answer answer_of(const kube::Timeline& timeline, MainRevision revision) {
    const auto at = timeline.time_of(revision);
    return {revision, at->time, at->error};
}

}  // namespace

void draw_stretches(const kube::Timeline& timeline, std::size_t most, report::TimelineReport& report) {
    constexpr std::array k_steps{k_minute,     5 * k_minute, 15 * k_minute, k_hour,       3 * k_hour,
                                 6 * k_hour,   12 * k_hour,  24 * k_hour,   48 * k_hour,  168 * k_hour,
                                 336 * k_hour, 672 * k_hour, 2016 * k_hour, 8064 * k_hour};
    if (timeline.points().empty()) return;
    const std::int64_t first = timeline.points().front().time.value();
    const std::int64_t last = timeline.points().back().time.value();
    const auto fits = [&](std::int64_t step) {
        return last / step - first / step < static_cast<std::int64_t>(most);
    };
    const auto* const step = std::find_if(k_steps.begin(), k_steps.end(), fits);
    if (step == k_steps.end()) return;
    report.stretch = *step;
    std::int64_t before = timeline.points().front().revision.value() - 1;
    for (std::int64_t begin = first / *step * *step; begin <= last; begin += *step) {
        const auto end = timeline.revision_at(kube::Time(std::min(begin + *step - 1, last)));
        const std::int64_t upto = end ? end->revision.value() : before;
        report.stretches.push_back(
            {kube::Time(begin), static_cast<std::uint64_t>(std::max<std::int64_t>(upto - before, 0))});
        before = upto;
    }
}

report::TimelineReport draw_timeline(const TimelineRequest& request, Progress* progress) {
    const std::unique_ptr<store::Store> store = store::open_store(request.path, request.open);
    const store::StoreHead head = store->head();
    if (request.of) check_window(*store, head, *request.of, *request.of);
    const kube::Timeline timeline = require_timeline(*store, progress);
    report::TimelineReport report;
    report.store = facts_of(store->info());
    report.samples = timeline.samples();
    report.dropped = timeline.dropped();
    report.points = timeline.thinned(request.points);
    if (request.at) report.answer = answer_at(*store, head, timeline, *request.at);
    if (request.of) report.answer = answer_of(timeline, *request.of);
    if (!report.answer) draw_stretches(timeline, request.stretches, report);
    note_clock(timeline, head, report.notes);
    return report;
}

}  // namespace kvctl::jobs
