#include "kvctl/base/error.hpp"
#include "kvctl/jobs/row_groups.hpp"
#include "kvctl/mvcc/usage.hpp"
#include "kvctl/report/usage_report.hpp"
#include "tools/commands.hpp"
#include "tools/notes.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"
#include "tools/values.hpp"

namespace kvctl::cli {
namespace {

using Sort = mvcc::UsageRequest::Sort;

Sort sort_of(const Parsed& parsed) {
    const std::string name = parsed.value_or("sort", "bytes");
    if (name == "live") return Sort::live;
    if (name == "history") return Sort::history;
    if (name == "freed") return Sort::freed;
    if (name == "revisions") return Sort::revisions;
    if (name == "keys") return Sort::keys;
    return name == "name" ? Sort::name : Sort::bytes;
}

}  // namespace

OptionTable du_options() {
    return join(
        {{{"Usage",
           {
               choice("by", "prefix|resource|kind|namespace|manager|encryption",
                      "what to add up by (default prefix); all others read the values"),
               word("depth", "N", "group keys by their first N components (default: as compact does)"),
               word("under", "PREFIX", "only keys that begin with PREFIX, grouped by what follows it"),
               word("top", "N", "the N largest prefixes and keys (default 20, 0: all)"),
               choice("sort", "bytes|live|history|freed|revisions|keys|name",
                      "what is largest (default bytes: live and history)"),
               word("rev", "N", "what a compaction at N would free (default: at the current revision)"),
           }}},
         rules_options(),
         store_options(),
         output_options()});
}

int du(const Args& args, Io& io) {
    const Parsed parsed = parse(du_options(), args);
    const Output output = output_of(parsed, io);
    parsed.expect_operands(1, 1, "STORE");
    mvcc::UsageRequest request;
    if (const auto v = parsed.value("depth")) request.depth = parse_u64("--depth", *v);
    if (const auto v = parsed.value("top")) request.top = parse_u64("--top", *v);
    request.under = parsed.value_or("under", "");
    request.sort = sort_of(parsed);
    if (parsed.has("depth") && parsed.value_or("by", "prefix") != "prefix")
        throw Error(ErrorKind::usage, "--depth is for --by prefix");
    std::optional<MainRevision> target;
    if (const auto rev = parsed.value("rev")) target = parse_revision("--rev", *rev);

    const auto progress = make_progress(output, io);
    jobs::OpenedStore opened = open_for_command(parsed, parsed.operands().front());
    if (target) refuse_future(opened, *target);
    report::DuReport report;
    const mvcc::TreeIndex index = load_keys(opened, std::nullopt, progress.get(), report.notes);
    const mvcc::CompactionPlan plan =
        mvcc::plan_compaction(index, {opened.head.current, opened.head.compacted, opened.head.scheduled},
                              target.value_or(opened.head.current));
    report.by = parsed.value_or("by", "prefix");
    mvcc::UsageReport usage;
    if (report.by == "prefix") {
        usage = mvcc::measure_usage(index, plan, request);
    } else {
        const jobs::GroupedRows rows = jobs::group_rows(*opened.store, index, report.by, progress.get());
        usage = mvcc::measure_usage(index, plan, request, rows.groups);
        report.old_values = rows.old_values;
    }
    const store::StoreInfo& info = opened.store->info();
    report.store = {info.path, std::string(name_of(info.layout)), info.file_bytes, info.page_size,
                    info.free_pages};
    report.usage = &usage;
    report.plan = &plan;
    report.under = request.under;
    jobs::note_lost_revisions(plan, report.notes);
    note_open_choice(opened, index, plan.compacted_after, report.notes);
    write_notes(report.notes, opened.store->info().path, output, io);
    return write_report(report, output, io);
}

}  // namespace kvctl::cli
