#include "kvctl/base/error.hpp"
#include "kvctl/jobs/import.hpp"
#include "tools/commands.hpp"
#include "tools/notes.hpp"
#include "tools/options.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"

namespace kvctl::cli {

OptionTable import_options() {
    return join({{{"Work",
                   {
                       file("output", "NEW", "the native store to build; it must not exist", 'o'),
                       flag("key-index", "with an index by key, for reading one key without a scan"),
                   }}},
                 store_options(),
                 output_options()});
}

int import_store(const Args& args, Io& io) {
    const Stopwatch watch;
    const Parsed parsed = parse(import_options(), args);
    const Output output = output_of(parsed, io);
    parsed.expect_operands(1, 1, "SOURCE");
    const auto path = parsed.value("output");
    if (!path) throw Error(ErrorKind::usage, "import needs -o NEW");
    const jobs::ImportRequest request{parsed.operands().front(), *path, parsed.has("key-index"),
                                      open_options_of(parsed)};
    report::ImportReport r;
    {
        const auto progress = make_progress(output, io);
        r = jobs::import_store(request, progress.get());
    }
    r.duration_ms = watch.ms();
    write_notes(r.notes, "", output, io);
    return write_report(r, output, io);
}

}  // namespace kvctl::cli
