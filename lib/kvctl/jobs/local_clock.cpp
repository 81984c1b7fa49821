#include "kvctl/jobs/local_clock.hpp"

#include <algorithm>

#include "kvctl/kube/predecessors.hpp"
#include "kvctl/kube/story.hpp"

namespace kvctl::jobs {
namespace {

constexpr std::int64_t k_around = 100;  // revisions read on each side
// So many rows without a clock among them are those of a store that has none: of an API server every few
// rows are a lease.
constexpr std::uint64_t k_clockless = 50;

}  // namespace

std::optional<kube::Timeline::At> LocalClock::time_around(MainRevision revision) {
    const auto answer = [&]() -> std::optional<kube::Timeline::At> {
        const auto at = timeline_.time_of(revision);
        return at && at->error ? at : std::nullopt;
    };
    const bool inside = !timeline_.points().empty() && revision >= from_ && revision <= to_;
    if (inside) {
        if (const auto at = answer()) return at;
    }
    if (left_ == 0) return std::nullopt;
    --left_;
    const std::int64_t first = std::max<std::int64_t>(revision.value(), k_around) - k_around;
    const std::int64_t last = std::min(current_.value() - k_around, revision.value()) + k_around;
    from_ = MainRevision(first);
    to_ = MainRevision(std::max(last, revision.value()));
    kube::Predecessors keys([](mvcc::Revision) { return std::nullopt; }, 0);
    kube::Sampler sampler;
    kube::Object object;
    std::uint64_t rows = 0;
    store_.each_record(from_, to_, [&](const mvcc::Record& record) {
        ++rows;
        const auto before = keys.step(record, false, false);
        if (record.tombstone) return;
        object.read(record.value);
        sampler.add(MainRevision(record.revision.main), before.key, object, before.created(record));
    });
    timeline_ = kube::Timeline::fit(sampler.take_sure());
    if (timeline_.points().empty() && rows >= k_clockless) left_ = 0;
    return answer();
}

std::vector<std::optional<kube::Timeline::At>> times_of(store::Store& store,
                                                        const std::vector<mvcc::Revision>& revisions,
                                                        bool one_key, MainRevision current) {
    std::vector<std::optional<kube::Timeline::At>> times;
    LocalClock clock(store, current);
    kube::Story story;
    for (const mvcc::Revision r : revisions) {
        times.emplace_back();
        const auto record = store.record(r);
        if (!record) continue;
        if (!one_key) story = kube::Story();
        const kube::Story::Step step = story.step(*record);
        if (step.time) {
            times.back() = kube::Timeline::At{*step.time, 0};
        } else {
            times.back() = clock.time_around(MainRevision(r.main));
        }
    }
    return times;
}

}  // namespace kvctl::jobs
