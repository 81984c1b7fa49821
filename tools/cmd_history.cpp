#include "kvctl/mvcc/explain.hpp"
#include "kvctl/report/history_report.hpp"
#include "tools/commands.hpp"
#include "tools/notes.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"

namespace kvctl::cli {
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

OptionTable history_options() {
    return join({{{"History", {flag("values", "the values too: escaped in text, base64 in JSON")}}},
                 rules_options(),
                 store_options(),
                 output_options()});
}

int history(const Args& args, Io& io) {
    const Parsed parsed = parse(history_options(), args);
    const Output output = output_of(parsed, io);
    parsed.expect_operands(2, 2, "KEY STORE");
    const auto progress = make_progress(output, io);
    jobs::OpenedStore opened = open_behind_key(parsed);
    report::HistoryReport report;
    report.key = parsed.operands().front();
    report.values = parsed.has("values");
    report.versions = opened.store->traits().versions;
    const mvcc::TreeIndex index = load_keys(opened, report.key, progress.get(), report.notes);
    report.record = record_reader(opened);
    fill(report, index);
    write_notes(report.notes, opened.store->info().path, output, io);
    return write_report(report, output, io);
}

}  // namespace kvctl::cli
