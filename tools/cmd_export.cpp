#include "kvctl/jobs/export.hpp"
#include "tools/commands.hpp"
#include "tools/notes.hpp"
#include "tools/options.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"

namespace kvctl::cli {

OptionTable export_options() {
    return join({store_options(), output_options()});
}

int export_store(const Args& args, Io& io) {
    const Parsed parsed = parse(export_options(), args);
    const Output output = output_of(parsed, io);
    parsed.expect_operands(1, 1, "STORE");
    const std::string& path = parsed.operands().front();
    const auto progress = make_progress(output, io);
    jobs::OpenedStore opened = open_for_command(parsed, path);
    jobs::Export job(opened, progress.get());
    if (output.quiet) return 0;
    job.write(io.out, progress.get());
    write_notes(job.notes(), opened.store->info().path, output, io);
    return 0;
}

}  // namespace kvctl::cli
