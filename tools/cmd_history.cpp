#include "kvctl/base/error.hpp"
#include "kvctl/jobs/history.hpp"
#include "tools/commands.hpp"
#include "tools/notes.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"

namespace kvctl::cli {

OptionTable history_options() {
    return join(
        {{{"History",
           {
               flag("values", "the values too: escaped in text, base64 in JSON"),
               flag("decode", "values as Kubernetes objects, YAML-like in text"),
               flag("diff",
                    "who wrote each revision and which fields it changed; with --values from what to what"),
               flag("reveal-secrets", "with --values or --decode: the data of Secrets too"),
           }}},
         rules_options(),
         store_options(),
         output_options()});
}

int history(const Args& args, Io& io) {
    const Parsed parsed = parse(history_options(), args);
    if (parsed.has("reveal-secrets") && !parsed.has("decode") && !parsed.has("diff") && !parsed.has("values"))
        throw usage_error("--reveal-secrets goes with --values, --decode or --diff");
    const Output output = output_of(parsed, io);
    parsed.expect_operands(2, 2, "KEY STORE");
    parsed.at_most_one_of({"decode", "diff"});
    const auto progress = make_progress(output, io);
    jobs::OpenedStore opened = open_behind_key(parsed);
    jobs::HistoryResult result = jobs::history(opened, parsed.operands().front(), progress.get());
    report::HistoryReport& report = result.report;
    report.values = parsed.has("values");
    report.decode = parsed.has("decode");
    report.diff = parsed.has("diff");
    report.reveal_secrets = parsed.has("reveal-secrets");
    write_notes(report.notes, opened.store->info().path, output, io);
    return write_report(report, output, io);
}

}  // namespace kvctl::cli
