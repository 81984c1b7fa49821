#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/jobs/compact.hpp"
#include "kvctl/jobs/new_file.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "tools/commands.hpp"
#include "tools/compact_options.hpp"
#include "tools/notes.hpp"
#include "tools/store_access.hpp"

namespace kvctl::cli {
namespace {

// --list=FILE: lines of text, or of JSON where the report is in it.
void write_list(const CompactOptions& options, const mvcc::TreeIndex& index,
                const mvcc::CompactionPlan& plan) {
    jobs::NewFile file(*options.request.list_file);
    if (options.display.format == Format::text) {
        report::write_list_text(file.stream(), index, plan);
    } else {
        report::write_list_jsonl(file.stream(), index, plan);
    }
    file.commit();
}

// The command that does what was forecast, and each way out as a whole one.
void add_commands(const CompactOptions& options, report::CompactionReport& r) {
    const jobs::CompactRequest& asked = options.request;
    // All members get the revision that was found for this one.
    if (asked.all_members && !asked.rev) {
        r.command = options.command_with({"--keep-last", "--keep-within", "--target-size"},
                                         fmt::format("--rev {}", r.plan->target));
    } else {
        r.command = options.command_with({}, "");
    }
    if (asked.raft_log && r.raft_log && r.raft_log->after.removed_entries > 0) {
        r.command += fmt::format(" && kvctl raft compact{} --index {} -o NEW", operand(*asked.raft_log),
                                 r.raft_log->after.after.snapshot.index);
    }
    for (report::WayOut& way : r.refusal.ways) {
        std::vector<std::string> without{"--batch", "--strategy", "--vacuum", "--backup"};
        if (way.elsewhere) without.insert(without.end(), {"--output", "--live", "--pause", "--max-time"});
        way.command = options.command_with(without, way.instead);
    }
}

}  // namespace

int compact(const Args& args, Io& io) {
    const Stopwatch watch;
    CompactOptions options = parse_compact(args, io);
    options.request.write_list = [&options](const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan) {
        write_list(options, index, plan);
    };
    jobs::CompactResult result;
    {
        const auto progress = make_progress(options.display, io);  // taken away before the report
        result = options.dry_run ? jobs::forecast_compaction(options.request, progress.get())
                                 : jobs::compact(options.request, progress.get());
    }
    report::CompactionReport& r = result.report;
    if (options.dry_run) add_commands(options, r);
    r.list = options.list && !options.request.list_file;
    r.duration_ms = watch.ms();
    write_notes(r.notes, "", options.display, io);
    (void)write_report(r, options.display, io);
    return options.exit_code && result.removes ? exit_code(ErrorKind::findings) : 0;
}

}  // namespace kvctl::cli
