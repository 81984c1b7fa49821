#include "tools/compact_options.hpp"

#include <algorithm>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "tools/commands.hpp"
#include "tools/shared_options.hpp"
#include "tools/values.hpp"

namespace kvctl::cli {

OptionTable compact_options() {
    return join(
        {{{"Target",
           {
               word("rev", "N", "compact to revision N: what a reader at N or later sees stays"),
               word("keep-last", "N", "compact to the current revision minus N"),
               word("keep-within", "TIME",
                    "compact to the newest revision at least TIME (7d, 36h) before the newest time in the "
                    "store"),
               word("target-size", "SIZE", "the smallest compaction whose file, once shrunk, fits into SIZE"),
           }},
          {"Work",
           {
               flag("dry-run", "report what would happen; nothing is written", 'n'),
               flag("vacuum", "also give the freed space back to the file system"),
               choice("strategy", "auto|in-place|rewrite",
                      "delete rows, or copy the survivors into a new file (default auto)"),
               file("output", "FILE", "leave STORE alone, write the compacted store to the new FILE", 'o'),
               choice("to", "native|kine|bbolt|snapshot",
                      "with --output: the layout of FILE (default STORE's)"),
               flag("renumber", "to kine: several keys of one revision get a revision each"),
               word("voter", "ID",
                    "dqlite: the new directory has this member alone; the others join it anew"),
               file("backup", "FILE", "first copy STORE to the new FILE"),
               word("batch", "N",
                    "delete in transactions of N revisions, resumable (default: all or nothing)"),
               flag("live", "kine: beside the running server, in small transactions"),
               word("pause", "TIME",
                    "with --live: let writers through for so long between two transactions (default: by "
                    "measure)"),
               word("max-time", "TIME", "with --live: stop after so long; a later run goes on"),
               word("min-gain", "SIZE|P%", "do nothing unless that much would be given back"),
               flag("drop-old-values", "kine: also clear old_value of surviving rows up to the revision"),
               flag("disarm", "etcd with one member: also take the NOSPACE alarm away"),
               flag("all-members", "etcd: all members are stopped, and each gets the same compaction"),
           }},
          {"Raft log",
           {
               file("raft-log", "LOG", "report on this log instead of the store's own"),
               wal_dir_option(),
               word("raft-index", "I|auto",
                    "compact the store's log up to index I; auto: applied minus --raft-keep"),
               word("raft-keep", "N", "entries that --raft-index auto keeps (default 5000)"),
           }},
          {"Report",
           {
               optional_file("list", "FILE", "name every removed revision, in the report or in a new FILE"),
               flag("exit-code", "exit 3 when something would be, or was, removed"),
           }}},
         rules_options(),
         newest_store_options(),
         output_options()});
}

namespace {

// The options that shape the work. Another log than the store's own is only ever looked at.
std::vector<std::string> work_of(const Parsed& parsed) {
    std::vector<std::string> given;
    const bool foreign_log = parsed.has("raft-log");
    for (const OptionGroup& group : compact_options()) {
        for (const Option& o : group.options) {
            if (o.name == "dry-run" || o.name == "list" || o.name == "exit-code" ||
                group.heading == "Display" || group.heading == "General" || !parsed.has(o.name) ||
                (foreign_log && o.name.starts_with("raft-"))) {
                continue;
            }
            const auto value = parsed.value(o.name);
            given.push_back(value ? fmt::format("--{} {}", o.name, shell_quoted(*value))
                                  : fmt::format("--{}", o.name));
        }
    }
    return given;
}

void check_live(const jobs::CompactRequest& o, const Parsed& parsed) {
    if (!o.live) {
        for (const char* const option : {"pause", "max-time"}) {
            if (parsed.has(option)) throw usage_error(fmt::format("--{} goes with --live", option));
        }
        return;
    }
    if (o.output) throw usage_error("--live works on STORE itself; it does not go with --output");
    if (o.strategy == store::Strategy::rewrite)
        throw usage_error("--live deletes in place; it does not go with --strategy rewrite");
    if (o.drop_old_values)
        throw usage_error("--drop-old-values does not go with --live: stop the server for it");
}

void check_combinations(const CompactOptions& options, const Parsed& parsed) {
    const jobs::CompactRequest& o = options.request;
    parsed.at_most_one_of({"rev", "keep-last", "keep-within", "target-size"});
    if (parsed.has("batch") && o.output) throw usage_error("--batch and --output exclude each other");
    if (parsed.has("batch") && o.strategy == store::Strategy::rewrite) {
        throw usage_error("--batch deletes in place; it does not go with --strategy rewrite");
    }
    check_live(o, parsed);
    if (o.output && o.strategy == store::Strategy::in_place)
        throw usage_error("--output does not go with --strategy in-place");
    if (o.output && o.backup) throw usage_error("--output leaves STORE alone; it does not go with --backup");
    if (o.output && o.vacuum)
        throw usage_error("--output writes a file without free space; it does not go with --vacuum");
    if (o.to && !o.output)
        throw usage_error("--to goes with --output: a store never changes its layout in place");
    if (o.drop_old_values && o.to && o.to != store::TargetKind::kine)
        throw usage_error(
            fmt::format("--drop-old-values: only a kine store has old values; it does not go with --to {}",
                        name_of(*o.to)));
    if (o.renumber && o.to != store::TargetKind::kine) throw usage_error("--renumber goes with --to kine");
    if (o.voter && (!o.output || o.to))
        throw usage_error("--voter goes with -o NEWDIR of a dqlite directory");
    if (parsed.has("raft-keep") && !o.raft_index_auto)
        throw usage_error("--raft-keep goes with --raft-index auto");
    if (o.raft_log && o.compacts_raft() && !options.dry_run) {
        throw usage_error(
            "--raft-log is only read: with --raft-index it needs --dry-run "
            "('kvctl raft compact LOG --index I -o NEW' writes a shorter one)");
    }
}

}  // namespace

std::string CompactOptions::command_with(const std::vector<std::string>& without,
                                         const std::string& more) const {
    std::string words = "kvctl compact";
    for (const std::string& option : given) {
        const std::string name = option.substr(0, option.find(' '));
        if (std::find(without.begin(), without.end(), name) == without.end()) words += " " + option;
    }
    if (!more.empty()) words += " " + more;
    return words + (request.path.starts_with('-') ? " -- " : " ") + shell_quoted(request.path);
}

CompactOptions parse_compact(const Args& args, const Io& io) {
    const Parsed parsed = parse(compact_options(), args);
    CompactOptions options;
    options.display = output_of(parsed, io);
    jobs::CompactRequest& o = options.request;
    if (const auto& words = parsed.operands();
        words.size() == 2 && !words.front().empty() &&
        words.front().find_first_not_of("0123456789") == std::string::npos) {
        throw usage_error(
            fmt::format("superfluous operand '{0}'; did you mean --rev {0}? A revision is an option here: "
                        "kvctl compact --rev {0}{1}{2}",
                        words.front(), words[1].starts_with('-') ? " -- " : " ", shell_quoted(words[1])));
    }
    parsed.expect_operands(1, 1, "STORE");
    o.path = parsed.operands().front();
    if (const auto v = parsed.value("rev")) o.rev = parse_revision("--rev", *v);
    if (const auto v = parsed.value("keep-last"))
        o.keep_last = static_cast<std::uint64_t>(parse_i64("--keep-last", *v));
    if (const auto v = parsed.value("keep-within")) o.keep_within = parse_span("--keep-within", *v);
    if (const auto v = parsed.value("target-size")) o.target_size = parse_size("--target-size", *v);
    options.dry_run = parsed.has("dry-run");
    o.vacuum = parsed.has("vacuum");
    const std::string strategy = parsed.value_or("strategy", "auto");
    if (strategy == "in-place") o.strategy = store::Strategy::in_place;
    if (strategy == "rewrite") o.strategy = store::Strategy::rewrite;
    o.output = parsed.value("output");
    o.to = target_of(parsed);
    o.renumber = parsed.has("renumber");
    if (const auto id = parsed.value("voter")) o.voter = parse_u64("--voter", *id);
    o.backup = parsed.value("backup");
    if (const auto v = parsed.value("batch")) {
        o.batch = parse_i64("--batch", *v);
        if (*o.batch == 0) throw usage_error("--batch: a batch holds at least one revision");
    }
    options.list = parsed.has("list");
    o.list_file = parsed.value("list");
    parsed.at_most_one_of({"raft-log", "wal-dir"});
    o.raft_log = parsed.value("raft-log");
    o.wal_dir = parsed.value("wal-dir");
    if (const auto v = parsed.value("raft-index")) {
        o.raft_index_auto = *v == "auto";
        if (!o.raft_index_auto) o.raft_index = parse_u64("--raft-index", *v);
    }
    if (const auto v = parsed.value("raft-keep")) o.raft_keep = parse_u64("--raft-keep", *v);
    if (const auto v = parsed.value("min-gain")) o.min_gain = parse_size_or_percent("--min-gain", *v);
    o.drop_old_values = parsed.has("drop-old-values");
    o.disarm = parsed.has("disarm");
    o.all_members = parsed.has("all-members");
    options.exit_code = parsed.has("exit-code");
    o.rules = rules_of(parsed);
    o.open = open_options_of(parsed);
    if (parsed.has("live")) {
        o.live.emplace();
        if (const auto v = parsed.value("pause")) o.live->pause = parse_duration("--pause", *v);
        if (const auto v = parsed.value("max-time")) o.live->max_time = parse_duration("--max-time", *v);
        if (parsed.has("timeout")) o.live->timeout_ms = o.open.timeout_ms;
    }
    check_combinations(options, parsed);
    options.given = work_of(parsed);
    return options;
}

}  // namespace kvctl::cli
