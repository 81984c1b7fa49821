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
                       file("output", "NEW", "the store to build; it must not exist", 'o'),
                       choice("to", "native|kine|bbolt|snapshot", "what to build (default native)"),
                       flag("renumber", "to kine: several keys of one revision get a revision each"),
                       flag("salvage", "take every row that can be read of a damaged store, and exit 3"),
                       flag("key-index", "native: with an index by key, for reading one key without a scan"),
                       wal_dir_option(),
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
    if (!path) throw usage_error("import needs -o NEW");
    const jobs::ImportRequest request{.source = parsed.operands().front(),
                                      .output = *path,
                                      .to = target_of(parsed).value_or(store::TargetKind::native),
                                      .wal_dir = parsed.value("wal-dir"),
                                      .key_index = parsed.has("key-index"),
                                      .renumber = parsed.has("renumber"),
                                      .salvage = parsed.has("salvage"),
                                      .open = open_options_of(parsed)};
    if (request.key_index && request.to != store::TargetKind::native)
        throw usage_error("--key-index: only a native store has one");
    if (request.renumber && request.to != store::TargetKind::kine)
        throw usage_error("--renumber: only a kine table has a row a revision; it goes with --to kine");
    report::ImportReport r;
    {
        const auto progress = make_progress(output, io);
        r = jobs::import_store(request, progress.get());
    }
    r.duration_ms = watch.ms();
    write_notes(r.notes, "", output, io);
    write_report(r, output, io);
    return r.salvaged ? exit_code(ErrorKind::findings) : 0;
}

}  // namespace kvctl::cli
