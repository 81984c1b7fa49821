#include "kvctl/jobs/compact_age.hpp"

#include <limits>

#include "kvctl/base/format.hpp"
#include "kvctl/jobs/compact_decision.hpp"
#include "kvctl/jobs/kube_scan.hpp"
#include "kvctl/report/spans.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::jobs {

ByAge find_age(const CompactRequest& request, Progress* progress) {
    const std::unique_ptr<store::Store> store = store::open_store(request.path, request.open);
    const kube::Timeline timeline = require_timeline(*store, progress);
    ByAge by{request, {}, {}};
    by.request.keep_within.reset();
    note_clock(timeline, store->head(), by.notes);
    const kube::Time wanted(timeline.points().back().time.value() - *request.keep_within);
    if (const auto found = timeline.sample_at(wanted)) {
        by.request.rev = found->revision;
        by.target = {found->time, found->error};
        if (std::string all = one_revision_for_all(*store, request, found->revision); !all.empty())
            by.notes.warnings.push_back(std::move(all));
        return by;
    }
    // Nothing is that old: the same as to keep every revision.
    by.request.keep_last = std::numeric_limits<std::uint64_t>::max();
    by.notes.warnings.push_back(fmt::format(
        "nothing in the store is sure to be {} old: its oldest time is {}, its newest {}",
        report::span_text(*request.keep_within), kube::format_time(timeline.points().front().time),
        kube::format_time(timeline.points().back().time)));
    return by;
}

}  // namespace kvctl::jobs
