#include "kvctl/jobs/compact_parts.hpp"

#include <algorithm>

#include "kvctl/base/error.hpp"
#include "kvctl/jobs/compact_space.hpp"
#include "kvctl/jobs/facts.hpp"

namespace kvctl::jobs {
namespace {

std::string_view result_of(const Decision& d, bool executed) {
    switch (d.kind) {
        case Decision::Kind::compact:
            return executed ? "compacted" : "would-compact";
        case Decision::Kind::already_compacted:
            return "already-compacted";
        case Decision::Kind::already_fits:
            return "already-fits";
        case Decision::Kind::below_min_gain:
            return "below-min-gain";
    }
    return "";
}

// With --disarm.
std::string alarm_text(const Decision& d, bool executed) {
    if (d.disarms) return executed ? "the alarm NOSPACE is disarmed" : "the alarm NOSPACE would be disarmed";
    if (d.too_little_gain) return executed ? "no alarm is touched" : "no alarm would be touched";
    return "no alarm NOSPACE is raised: nothing to disarm";
}

}  // namespace

report::CompactionReport start_report(const store::StoreInfo& info, const CompactRequest& request,
                                      bool executed) {
    report::CompactionReport r;
    r.store = facts_of(info);
    r.file_before = info.file_bytes;
    r.used_before = (info.pages - std::min(info.pages, info.free_pages)) * info.page_size;
    r.executed = executed;
    r.disarm = request.disarm;
    r.shrinks = request.vacuum;
    return r;
}

CompactResult finish(report::CompactionReport r, Decision d) {
    CompactResult result;
    if (r.result.empty()) r.result = result_of(d, r.executed);
    r.strategy = name_of(d.strategy);
    r.old_values = d.old_values;
    r.fits_by = d.fits_by;
    if (r.disarm) r.alarm = alarm_text(d, r.executed);
    r.prefixes = mvcc::largest_prefixes(*d.index, d.plan);
    r.file_after_vacuum = r.file_after_vacuum ? r.file_after_vacuum : d.shrunk_bytes;
    const bool shortens = d.raft_compact_to && d.log && d.log->after.removed_entries > 0;
    result.removes = d.plan.removed.revisions > 0 || shortens;
    r.raft_log = std::move(d.log);
    r.notes = std::move(d.notes);
    result.index = std::move(d.index);
    result.plan = std::make_unique<const mvcc::CompactionPlan>(std::move(d.plan));
    r.index = result.index.get();
    r.plan = result.plan.get();
    result.report = std::move(r);
    return result;
}

void write_list(const CompactRequest& request, const Decision& d, Provisional& made) {
    if (!request.list_file) return;
    request.write_list(*d.index, d.plan);
    made.add(*request.list_file);
}

void refuse_without_space(const store::Store& store, const Decision& d, const CompactRequest& request,
                          bool keeps_file) {
    if (const auto space = look_for_space(store, d, request, keeps_file))
        throw Error(ErrorKind::no_space, space->message);
}

}  // namespace kvctl::jobs
