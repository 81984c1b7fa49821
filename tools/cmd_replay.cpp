#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/jobs/replay.hpp"
#include "tools/commands.hpp"
#include "tools/notes.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"
#include "tools/values.hpp"

namespace kvctl::cli {
namespace {

struct ReplayOptions {
    jobs::ReplayRequest request;
    bool dry_run = false;
    Output display;
    std::string command;
};

ReplayOptions parse_replay(const Args& args, const Io& io) {
    const Parsed parsed = parse(replay_options(), args);
    parsed.expect_operands(2, 2, "LOG STORE");
    ReplayOptions o;
    jobs::ReplayRequest& r = o.request;
    o.display = output_of(parsed, io);
    r.log = parsed.operands()[0];
    r.path = parsed.operands()[1];
    if (const auto text = parsed.value("until-index")) r.until = LogIndex{parse_u64("--until-index", *text)};
    r.wal_dir = parsed.value("wal-dir");
    o.dry_run = parsed.has("dry-run");
    r.rules = rules_of(parsed);
    if (const auto version = parsed.value("etcd-version")) r.alarm_rule = jobs::alarm_rule_of(*version);
    r.open = open_options_of(parsed);
    if (const auto text = parsed.value("batch")) {
        r.batch = parse_u64("--batch", *text);
        if (r.batch == 0) throw usage_error("--batch: at least 1");
    }
    o.command = "kvctl replay";
    for (const char* const name :
         {"until-index", "wal-dir", "batch", "tombstones", "etcd-version", "layout", "timeout"}) {
        if (const auto value = parsed.value(name))
            o.command += fmt::format(" --{} {}", name, shell_quoted(*value));
    }
    if (r.log.starts_with('-') || r.path.starts_with('-')) o.command += " --";
    o.command += fmt::format(" {} {}", shell_quoted(r.log), shell_quoted(r.path));
    return o;
}

}  // namespace

OptionTable replay_options() {
    return join({{{"Work",
                   {
                       word("until-index", "I", "stop behind entry I"),
                       wal_dir_option(),
                       flag("dry-run", "report what would be applied; nothing is written", 'n'),
                       word("batch", "N", "entries in one transaction (default 5000)"),
                   }}},
                 rules_options(),
                 newest_store_options(),
                 output_options()});
}

int replay(const Args& args, Io& io) {
    const Stopwatch watch;
    const ReplayOptions options = parse_replay(args, io);
    report::ReplayReport r;
    {
        const auto progress = make_progress(options.display, io);
        r = options.dry_run ? jobs::forecast_replay(options.request, progress.get())
                            : jobs::replay(options.request, progress.get());
    }
    if (options.dry_run) r.command = options.command;
    r.duration_ms = watch.ms();
    write_notes(r.notes, "", options.display, io);
    return write_report(r, options.display, io);
}

}  // namespace kvctl::cli
