#include "kvctl/base/error.hpp"
#include "kvctl/jobs/check.hpp"
#include "tools/commands.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"

namespace kvctl::cli {

OptionTable check_options() {
    return join({{{"Check",
                   {
                       flag("all", "name every finding, not only the first 20 of a code"),
                       flag("kubernetes", "also look into the values as the API server does"),
                       wal_dir_option(),
                   }}},
                 rules_options(),
                 store_options(),
                 output_options()});
}

int check(const Args& args, Io& io) {
    const Stopwatch watch;
    const Parsed parsed = parse(check_options(), args);
    const Output output = output_of(parsed, io);
    parsed.expect_operands(1, 1, "STORE");
    const jobs::CheckRequest request{
        parsed.operands().front(), open_options_of(parsed),  rules_of(parsed), parsed.value("etcd-version"),
        parsed.value("wal-dir"),   parsed.has("kubernetes"), parsed.has("all")};
    report::CheckReport report;
    {
        const auto progress = make_progress(output, io);  // taken away before the report
        report = jobs::check(request, progress.get());
    }
    report.duration_ms = watch.ms();
    (void)write_report(report, output, io);
    return report.ok() ? 0 : exit_code(ErrorKind::findings);
}

}  // namespace kvctl::cli
