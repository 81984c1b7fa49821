#include "kvctl/jobs/export.hpp"

#include "kvctl/jobs/plan_check.hpp"
#include "kvctl/store/conversion.hpp"
#include "kvctl/store/history_file.hpp"

namespace kvctl::jobs {

Export::Export(OpenedStore& opened, Progress* progress)
    : opened_(opened), source_(opened.store->conversion(store::TargetKind::native, progress)) {
    refuse_faults(*opened.store, opened.store->info().path, progress);
}
Export::~Export() = default;

void Export::write(std::ostream& out, Progress* progress) {
    store::HistoryHeader header;
    header.layout = name_of(opened_.store->info().layout);
    header.current = source_->current();
    header.rows = source_->rows();
    header.meta = source_->meta();
    header.leases = source_->all_leases();
    store::HistoryWriter writer(out, header);
    source_->each(
        [&](const mvcc::Record& r) {
            if (out) writer.add(r);
        },
        progress);
    writer.finish();
}

report::Notes Export::notes() const {
    return {source_->warnings(), source_->findings()};
}

}  // namespace kvctl::jobs
