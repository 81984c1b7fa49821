#include <algorithm>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/jobs/local_clock.hpp"
#include "kvctl/mvcc/explain.hpp"
#include "kvctl/report/explain_report.hpp"
#include "tools/commands.hpp"
#include "tools/notes.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"
#include "tools/values.hpp"

namespace kvctl::cli {
namespace {

struct At {
    MainRevision main;
    std::optional<std::int64_t> sub;
};

// "7" or "7.1".
At parse_at(const std::string& text) {
    const std::size_t dot = text.find('.');
    At at{parse_revision("--at", text.substr(0, dot)), std::nullopt};
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
    const std::optional<At> revision = at ? std::optional(parse_at(*at)) : std::nullopt;
    const auto rev = parsed.value("rev");
    const std::optional<MainRevision> target =
        rev ? std::optional(parse_revision("--rev", *rev)) : std::nullopt;

    const auto progress = make_progress(output, io);
    jobs::OpenedStore opened = open_behind_key(parsed);
    for (const auto& asked : {target, revision ? std::optional(revision->main) : std::nullopt}) {
        if (asked) refuse_future(opened, *asked);
    }
    report::ExplainReport report;
    report.at = at;
    if (!at) report.key = parsed.operands().front();
    const mvcc::TreeIndex index = load_keys(opened, report.key, progress.get(), report.notes);
    const mvcc::CompactionPlan plan =
        mvcc::plan_compaction(index, {opened.head.current, opened.head.compacted, opened.head.scheduled},
                              target.value_or(opened.head.current));
    report.index = &index;
    report.plan = &plan;
    if (revision) {
        report.rows = mvcc::explain_revision(index, plan, revision->main, revision->sub);
    } else if (const auto id = mvcc::find_stored_key(index, *report.key)) {
        report.rows = mvcc::explain_key(index, plan, *id);
    }
    std::vector<mvcc::Revision> revisions;
    for (const mvcc::Explained& e : report.rows) revisions.push_back(index.revision(e.slot));
    report.times = jobs::times_of(*opened.store, revisions, !at, opened.head.current);
    jobs::note_lost_revisions(plan, report.notes);
    const auto stands_there = [&](const mvcc::Explained& row) {
        return index.is_tombstone(row.slot) && index.revision(row.slot).main == plan.compacted_after.value();
    };
    if (std::any_of(report.rows.begin(), report.rows.end(), stands_there))
        note_open_choice(opened, index, plan.compacted_after, report.notes);
    write_notes(report.notes, opened.store->info().path, output, io);
    return write_report(report, output, io);
}

}  // namespace kvctl::cli
