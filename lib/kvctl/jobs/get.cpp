#include "kvctl/jobs/get.hpp"

namespace kvctl::jobs {

GetResult get(OpenedStore& opened, const GetRequest& request, Progress* progress) {
    mvcc::RangeRequest range = request.range;
    if (range.at == MainRevision{0}) {
        range.at = opened.head.current;
    } else {
        refuse_future(opened, range.at);
        refuse_compacted(opened, range.at);
    }
    GetResult result;
    report::GetReport& report = result.report;
    result.index = std::make_unique<const mvcc::TreeIndex>(
        load_keys(opened, request.key, progress, report.notes, range.at));
    report.record = record_reader(opened);
    result.range = std::make_unique<const mvcc::RangeResult>(mvcc::read_range(
        *result.index, range, [&](mvcc::Revision r) { return std::string(report.record(r).value); }));
    report.result = result.range.get();
    report.current = opened.head.current;
    report.term = opened.head.term;
    return result;
}

}  // namespace kvctl::jobs
