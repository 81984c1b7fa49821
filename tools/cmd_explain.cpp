#include "kvctl/jobs/explain.hpp"
#include "tools/commands.hpp"
#include "tools/notes.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"
#include "tools/values.hpp"

namespace kvctl::cli {
namespace {

// "7" or "7.1".
jobs::WrittenAt parse_at(const std::string& text) {
    const std::size_t dot = text.find('.');
    jobs::WrittenAt at{parse_revision("--at", text.substr(0, dot)), std::nullopt};
    if (dot != std::string::npos) at.sub = parse_i64("--at", text.substr(dot + 1));
    return at;
}

}  // namespace

OptionTable explain_options() {
    return join({{{"Explain",
                   {
                       word("rev", "N", "the compaction to explain (default: one at the current revision)"),
                       word("at", "REV", "instead of a key: what was written at this revision (7, or 7.1)"),
                   }}},
                 rules_options(),
                 store_options(),
                 output_options()});
}

int explain(const Args& args, Io& io) {
    const Parsed parsed = parse(explain_options(), args);
    const Output output = output_of(parsed, io);
    const auto at = parsed.value("at");
    parsed.expect_operands(at ? 1 : 2, at ? 1 : 2, at ? "STORE" : "KEY STORE");
    jobs::ExplainRequest request;
    if (at) request.at = parse_at(*at);
    if (!at) request.key = parsed.operands().front();
    if (const auto rev = parsed.value("rev")) request.rev = parse_revision("--rev", *rev);

    const auto progress = make_progress(output, io);
    jobs::OpenedStore opened = open_behind_key(parsed);
    jobs::ExplainResult result = jobs::explain(opened, request, progress.get());
    result.report.at = at;
    write_notes(result.report.notes, opened.store->info().path, output, io);
    return write_report(result.report, output, io);
}

}  // namespace kvctl::cli
