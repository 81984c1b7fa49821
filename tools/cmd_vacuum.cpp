#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/jobs/vacuum.hpp"
#include "tools/commands.hpp"
#include "tools/notes.hpp"
#include "tools/options.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"

namespace kvctl::cli {

OptionTable vacuum_options() {
    return join({{{"Work",
                   {
                       flag("dry-run", "report what would be given back; nothing is written", 'n'),
                       file("backup", "FILE", "first copy STORE to the new FILE"),
                   }}},
                 newest_store_options(),
                 output_options()});
}

int vacuum(const Args& args, Io& io) {
    const Stopwatch watch;
    const Parsed parsed = parse(vacuum_options(), args);
    const Output output = output_of(parsed, io);
    parsed.expect_operands(1, 1, "STORE");
    const std::string& path = parsed.operands().front();
    const jobs::VacuumRequest request{path, open_options_of(parsed), parsed.value("backup")};
    const auto progress = make_progress(output, io);
    report::VacuumReport r = parsed.has("dry-run") ? jobs::forecast_vacuum(request, progress.get())
                                                   : jobs::vacuum(request, progress.get());
    if (!r.executed)
        r.command = fmt::format("kvctl vacuum {}{}", path.starts_with('-') ? "-- " : "", shell_quoted(path));
    r.duration_ms = watch.ms();
    write_notes(r.notes, path, output, io);
    return write_report(r, output, io);
}

}  // namespace kvctl::cli
