#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/jobs/usage.hpp"
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
               choice("by", "prefix|resource|kind|namespace|manager|bucket|encryption",
                      "what to add up by (default prefix); all but bucket, of an etcd db, read the values"),
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
    jobs::UsageRequest request;
    if (const auto v = parsed.value("depth")) request.what.depth = parse_u64("--depth", *v);
    if (const auto v = parsed.value("top")) request.what.top = parse_u64("--top", *v);
    // Two lists with their heads, and a line for what else there is.
    constexpr std::size_t k_other_lines = 10;
    if (!parsed.has("top")) {
        request.what.top = style_of(output).fitting(2 * request.what.top, k_other_lines) / 2;
    }
    request.what.under = parsed.value_or("under", "");
    request.what.sort = sort_of(parsed);
    request.by = parsed.value_or("by", "prefix");
    if (parsed.has("depth") && request.by != "prefix") throw usage_error("--depth is for --by prefix");
    for (const char* const option : {"under", "top", "sort", "rev"}) {
        if (parsed.has(option) && request.by == "bucket")
            throw usage_error(fmt::format("--{} is not for --by bucket", option));
    }
    if (const auto rev = parsed.value("rev")) request.rev = parse_revision("--rev", *rev);

    const auto progress = make_progress(output, io);
    jobs::OpenedStore opened = open_for_command(parsed, parsed.operands().front());
    const jobs::UsageResult result = jobs::usage(opened, request, progress.get());
    write_notes(result.report.notes, opened.store->info().path, output, io);
    return write_report(result.report, output, io);
}

}  // namespace kvctl::cli
