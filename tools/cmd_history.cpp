#include "kvctl/base/error.hpp"
#include "kvctl/jobs/local_clock.hpp"
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
    return join(
        {{{"History",
           {
               flag("values", "the values too: escaped in text, base64 in JSON"),
               flag("decode", "values as Kubernetes objects, YAML-like in text"),
               flag("diff",
                    "who wrote each revision and which fields it changed; with --values from what to what"),
               flag("reveal-secrets", "with --decode or --diff --values: the data of Secrets too"),
           }}},
         rules_options(),
         store_options(),
         output_options()});
}

int history(const Args& args, Io& io) {
    const Parsed parsed = parse(history_options(), args);
    if (parsed.has("reveal-secrets") && !parsed.has("decode") && !parsed.has("diff"))
        throw Error(ErrorKind::usage, "--reveal-secrets goes with --decode or --diff");
    const Output output = output_of(parsed, io);
    parsed.expect_operands(2, 2, "KEY STORE");
    parsed.at_most_one_of({"decode", "diff"});
    const auto progress = make_progress(output, io);
    jobs::OpenedStore opened = open_behind_key(parsed);
    report::HistoryReport report;
    report.key = parsed.operands().front();
    report.values = parsed.has("values");
    report.decode = parsed.has("decode");
    report.diff = parsed.has("diff");
    report.reveal_secrets = parsed.has("reveal-secrets");
    jobs::LocalClock clock(*opened.store, opened.head.current);
    report.time_around = [&](MainRevision revision) { return clock.time_around(revision); };
    report.versions = opened.store->traits().versions;
    const mvcc::TreeIndex index = load_keys(opened, report.key, progress.get(), report.notes);
    report.record = record_reader(opened);
    fill(report, index);
    write_notes(report.notes, opened.store->info().path, output, io);
    return write_report(report, output, io);
}

}  // namespace kvctl::cli
