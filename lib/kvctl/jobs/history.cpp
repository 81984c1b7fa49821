#include "kvctl/jobs/history.hpp"

#include "kvctl/mvcc/explain.hpp"

namespace kvctl::jobs {
namespace {

void fill(report::HistoryReport& report, const mvcc::TreeIndex& index) {
    const auto id = mvcc::find_stored_key(index, report.key);
    if (!id) return;
    const mvcc::KeyIndex key = index.key_index(*id);
    report.live = key.live();
    for (const mvcc::Generation& g : key.generations()) {
        if (g.empty()) continue;
        report::HistoryGeneration one{g.created(), g.ver(), {}};
        for (std::size_t i = 0; i < g.size(); ++i)
            one.rows.push_back({g.revision(i), index.bytes_of(g.slot(i))});
        report.generations.push_back(std::move(one));
    }
    for (const mvcc::Slot s : mvcc::rows_of_key(index, *id)) {
        if (!index.is_indexed(s)) report.unindexed.push_back({index.revision(s), index.bytes_of(s)});
    }
}

}  // namespace

HistoryResult history(OpenedStore& opened, const std::string& key, Progress* progress) {
    HistoryResult result;
    report::HistoryReport& report = result.report;
    report.key = key;
    result.clock = std::make_unique<LocalClock>(*opened.store, opened.head.current);
    report.time_around = [clock = result.clock.get()](MainRevision at) { return clock->time_around(at); };
    report.versions = opened.store->traits().versions;
    fill(report, load_keys(opened, report.key, progress, report.notes));
    report.record = record_reader(opened);
    return result;
}

}  // namespace kvctl::jobs
