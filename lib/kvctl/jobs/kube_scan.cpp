#include "kvctl/jobs/kube_scan.hpp"

#include <limits>

#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/mvcc/refusals.hpp"
#include "kvctl/report/spans.hpp"

namespace kvctl::jobs {

void scan(store::Store& store, MainRevision to, Progress* progress,
          const std::function<void(const mvcc::Record&)>& f) {
    constexpr std::uint64_t k_step = 4096;
    std::uint64_t done = 0;
    const auto total = static_cast<std::uint64_t>(std::max<std::int64_t>(to.value(), 0));
    store.each_record(MainRevision(std::numeric_limits<std::int64_t>::min()), to,
                      [&](const mvcc::Record& record) {
                          f(record);
                          if (progress == nullptr || ++done % k_step != 0) return;
                          const std::int64_t main = std::max<std::int64_t>(record.revision.main, 0);
                          progress->update("reading", static_cast<std::uint64_t>(main), total);
                      });
}

kube::Predecessors::Fetch value_reader(store::Store& store) {
    return [&store](mvcc::Revision revision) -> std::optional<std::string> {
        const auto record = store.record(revision);
        if (!record || record->tombstone) return std::nullopt;
        return std::string(record->value);
    };
}

kube::Timeline read_timeline(store::Store& store, Progress* progress) {
    kube::Predecessors keys([](mvcc::Revision) { return std::nullopt; }, 0);
    kube::Sampler sampler;
    kube::Object object;
    scan(store, store.head().current, progress, [&](const mvcc::Record& record) {
        const auto before = keys.step(record, false, false);
        if (record.tombstone) return;
        object.read(record.value);
        sampler.add(MainRevision(record.revision.main), before.key, object, before.created(record));
    });
    return kube::Timeline::fit(sampler.take());
}

Error no_clock(const store::Store& store) {
    const std::string& path = store.info().path;
    return {ErrorKind::refused,
            fmt::format("{}: there is no clock in the store: no Lease, Event or managed field with a time is "
                        "readable in it; choose revisions instead ({} shows which there are)",
                        path, command_on(path, "status"))};
}

kube::Timeline require_timeline(store::Store& store, Progress* progress) {
    kube::Timeline timeline = read_timeline(store, progress);
    if (timeline.points().empty()) throw no_clock(store);
    return timeline;
}

void note_clock(const kube::Timeline& timeline, const store::StoreHead& head, report::Notes& notes) {
    if (const auto worst = timeline.worst()) {
        notes.warnings.push_back(
            fmt::format("clocks differ, or were set: {} of {} times do not fit the others; the one of "
                        "revision {} is {} off",
                        timeline.dropped(), timeline.samples(), worst->revision,
                        report::span_text(timeline.worst_distance())));
    }
    const auto jumps = timeline.jumps();
    constexpr std::size_t k_named = 5;
    for (std::size_t i = 0; i < jumps.size() && i < k_named; ++i) {
        notes.warnings.push_back(
            fmt::format("{} pass between revisions {} and {}: nothing was written, or a clock was set",
                        report::span_text(jumps[i].to.time.value() - jumps[i].from.time.value()),
                        jumps[i].from.revision, jumps[i].to.revision));
    }
    if (jumps.size() > k_named)
        notes.warnings.push_back(many(jumps.size() - k_named, "more pause") + " like these");
    const auto& points = timeline.points();
    std::int64_t widest = 0;
    for (std::size_t i = 1; i < points.size() && points[i].revision <= head.compacted; ++i)
        widest = std::max(widest, points[i].time.value() - points[i - 1].time.value());
    if (widest > 10 * timeline.median_step() && widest > 60 * kube::k_second) {
        notes.warnings.push_back(
            fmt::format("at and below revision {}, to which the store is compacted, the clock is coarse: its "
                        "times are up to {} apart",
                        head.compacted, report::span_text(widest)));
    }
}

void check_window(const store::Store& store, const store::StoreHead& head, MainRevision from,
                  MainRevision to) {
    if (from > to) {
        throw usage_error(fmt::format("--from {} lies behind --to {}", from, to));
    }
    if (to <= head.current) return;
    throw mvcc::future_revision(fmt::format("{}: revision {}", store.info().path, to), head.current);
}

}  // namespace kvctl::jobs
