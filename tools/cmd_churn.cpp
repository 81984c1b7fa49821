#include "kvctl/base/error.hpp"
#include "kvctl/jobs/churn.hpp"
#include "tools/commands.hpp"
#include "tools/notes.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_access.hpp"
#include "tools/values.hpp"

namespace kvctl::cli {
namespace {

kube::By by_of(const std::string& word) {
    if (word == "resource") return kube::By::resource;
    if (word == "kind") return kube::By::kind;
    if (word == "namespace") return kube::By::name_space;
    return word == "manager" ? kube::By::manager : kube::By::key;
}

// A span before the newest time in the store, or a time.
jobs::Since parse_since(const std::string& text) {
    jobs::Since since;
    if (text.size() > 4 && text[4] == '-') {
        since.at = parse_instant("--since", text);
    } else {
        since.before_newest = parse_span("--since", text);
    }
    return since;
}

jobs::ChurnRequest parse_churn(const Parsed& parsed, const Output& output) {
    parsed.expect_operands(1, 1, "STORE");
    parsed.at_most_one_of({"since", "from"});
    constexpr std::size_t k_rows = 20;
    jobs::ChurnRequest r;
    r.path = parsed.operands().front();
    r.open = open_options_of(parsed);
    r.by = by_of(parsed.value_or("by", "resource"));
    r.under = parsed.value_or("under", "");
    if (const auto v = parsed.value("from")) r.from = parse_revision("--from", *v);
    if (const auto v = parsed.value("to")) r.to = parse_revision("--to", *v);
    if (const auto v = parsed.value("since")) r.since = parse_since(*v);
    if (output.format == Format::text) r.top = k_rows;
    if (const auto v = parsed.value("top")) {
        const std::uint64_t top = parse_u64("--top", *v);
        r.top = top == 0 ? std::nullopt : std::optional<std::size_t>(top);
    }
    return r;
}

}  // namespace

OptionTable churn_options() {
    return join({{{"Churn",
                   {
                       choice("by", "key|resource|kind|namespace|manager",
                              "what to count writes by (default resource)"),
                       word("since", "TIME",
                            "only from then on: 24h, 7d before the newest time, or 2026-11-20T08:00Z"),
                       word("from", "REV", "only from this revision on"),
                       word("to", "REV", "only up to this revision"),
                       word("under", "PREFIX", "only keys that begin with PREFIX"),
                       word("top", "N", "the N rows with most writes (default 20 in text, else all; 0: all)"),
                   }}},
                 store_options(),
                 output_options()});
}

int churn(const Args& args, Io& io) {
    const Parsed parsed = parse(churn_options(), args);
    const Output output = output_of(parsed, io);
    const jobs::ChurnRequest request = parse_churn(parsed, output);
    const auto progress = make_progress(output, io);
    const report::ChurnReport report = jobs::measure_churn(request, progress.get());
    write_notes(report.notes, request.path, output, io);
    return write_report(report, output, io);
}

}  // namespace kvctl::cli
