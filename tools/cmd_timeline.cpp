#include "kvctl/jobs/timeline.hpp"
#include "tools/commands.hpp"
#include "tools/notes.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"
#include "tools/values.hpp"

namespace kvctl::cli {

OptionTable timeline_options() {
    return join({{{"Timeline",
                   {
                       word("at", "TIME", "the newest revision not after TIME (2026-11-20T08:00Z)"),
                       word("of", "REV", "the time of one revision"),
                       word("points", "N", "at most N points (default 200 in JSON, 20 in text)"),
                   }}},
                 store_options(),
                 output_options()});
}

int timeline(const Args& args, Io& io) {
    const Parsed parsed = parse(timeline_options(), args);
    const Output output = output_of(parsed, io);
    parsed.expect_operands(1, 1, "STORE");
    parsed.at_most_one_of({"at", "of"});
    jobs::TimelineRequest request;
    request.path = parsed.operands().front();
    request.open = open_options_of(parsed);
    if (const auto v = parsed.value("at")) request.at = parse_instant("--at", *v);
    if (const auto v = parsed.value("of")) request.of = parse_revision("--of", *v);
    if (output.format == Format::text) request.points = 20;
    if (const auto v = parsed.value("points")) request.points = parse_u64("--points", *v);

    const auto progress = make_progress(output, io);
    report::TimelineReport report = jobs::draw_timeline(request, progress.get());
    report.plot = io.out_is_terminal && !report.stretches.empty();
    write_notes(report.notes, request.path, output, io);
    return write_report(report, output, io);
}

}  // namespace kvctl::cli
