#include "kvctl/jobs/index.hpp"
#include "tools/commands.hpp"
#include "tools/notes.hpp"
#include "tools/options.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"
#include "tools/values.hpp"

namespace kvctl::cli {

OptionTable index_options() {
    return join({{{"Index", {word("rev", "N", "the tree as it would be after compacting to revision N")}}},
                 rules_options(),
                 store_options(),
                 output_options()});
}

int index(const Args& args, Io& io) {
    const Parsed parsed = parse(index_options(), args);
    const Output output = output_of(parsed, io);
    parsed.expect_operands(1, 2, "[KEY] STORE");
    std::optional<std::string> key;
    if (parsed.operands().size() == 2) key = parsed.operands().front();
    std::optional<MainRevision> rev;
    if (const auto text = parsed.value("rev")) rev = parse_revision("--rev", *text);
    const auto progress = make_progress(output, io);
    jobs::OpenedStore opened = open_behind_key(parsed);
    const jobs::IndexResult result = jobs::index(opened, key, rev, progress.get());
    write_notes(result.report.notes, opened.store->info().path, output, io);
    return write_report(result.report, output, io);
}

}  // namespace kvctl::cli
