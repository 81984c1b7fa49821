#include "kvctl/base/error.hpp"
#include "kvctl/store/conversion.hpp"
#include "kvctl/store/history_file.hpp"
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
    const std::unique_ptr<store::Conversion> source =
        opened.store->conversion(store::TargetKind::native, progress.get());
    if (output.quiet) return 0;
    store::HistoryHeader header;
    header.layout = name_of(opened.store->info().layout);
    header.current = source->current();
    header.rows = source->rows();
    header.meta = source->meta();
    header.leases = source->leases();
    store::HistoryWriter writer(io.out, header);
    source->each(
        [&](const mvcc::Record& r) {
            // A reader that has gone away is reported once, at the end.
            if (!io.out) return;
            writer.add(r);
        },
        progress.get());
    writer.finish();
    report::Notes notes{source->warnings(), source->findings()};
    write_notes(notes, opened.store->info().path, output, io);
    return 0;
}

}  // namespace kvctl::cli
