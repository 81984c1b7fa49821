#include <algorithm>
#include <chrono>
#include <optional>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/jobs/new_file.hpp"
#include "kvctl/jobs/status.hpp"
#include "kvctl/report/prometheus.hpp"
#include "tools/bold.hpp"
#include "tools/commands.hpp"
#include "tools/options.hpp"
#include "tools/shared_options.hpp"

namespace kvctl::cli {
namespace {

void write_reports(const std::vector<report::StatusReport>& reports, bool several, const Output& output,
                   Io& io) {
    if (output.quiet || reports.empty()) return;
    if (output.format == Format::json) {
        report::write_json(io.out, reports, several);
        return;
    }
    for (std::size_t i = 0; i < reports.size(); ++i) {
        if (output.format == Format::jsonl) {
            report::write_jsonl(io.out, reports[i]);
        } else {
            if (i > 0) io.out << '\n';
            BoldFirstLine bold(io.out, output.color);
            report::write_text(bold.stream(), reports[i], style_of(output));
        }
    }
}

constexpr std::string_view k_prometheus = "prometheus";
constexpr std::uint64_t k_predict_keeping = 1000;  // as kine and the API server keep them

// Only status has this format.
OptionTable with_prometheus(OptionTable table) {
    for (OptionGroup& group : table) {
        for (Option& o : group.options) {
            if (o.name == "write-out") o.value = "text|json|jsonl|prometheus";
        }
    }
    return table;
}

void write_metrics(const std::vector<report::Scraped>& stores, const Parsed& parsed, const Output& output,
                   Io& io) {
    const std::int64_t now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    if (const auto path = parsed.value("output")) {
        jobs::PublishedFile file(*path, jobs::PublishedFile::Over::older);
        report::write_prometheus(file.stream(), stores, k_predict_keeping, now);
        file.commit();
    } else if (!output.quiet) {
        report::write_prometheus(io.out, stores, k_predict_keeping, now);
    }
}

}  // namespace

OptionTable status_options() {
    return join(
        {{{"Raft log", {wal_dir_option()}},
          {"Metrics",
           {file("output", "FILE", "with -w prometheus: write FILE, in place of one that is there", 'o')}}},
         rules_options(),
         store_options(),
         with_prometheus(output_options())});
}

int status(const Args& args, Io& io) {
    const Parsed parsed = parse(status_options(), args);
    const Output output = output_of(parsed, io);
    parsed.expect_operands(1, 10000, "STORE...");
    const bool metrics = parsed.value_or("write-out", "text") == k_prometheus;
    if (parsed.has("output") && !metrics)
        throw usage_error("-o goes with -w prometheus: other formats go to standard output");
    const auto progress = make_progress(output, io);
    std::vector<report::StatusReport> reports;
    std::vector<report::Scraped> scraped;
    std::optional<Error> failed;
    for (const std::string& path : parsed.operands()) {
        // One that cannot be read keeps nobody from seeing the others.
        try {
            reports.push_back(
                jobs::status({path, open_options_of(parsed), rules_of(parsed), parsed.value("wal-dir"),
                              metrics ? std::optional(k_predict_keeping) : std::nullopt},
                             progress.get()));
            if (metrics) scraped.push_back({path, reports.back()});
        } catch (const Error& e) {
            const bool with_options = e.kind() == ErrorKind::usage || e.kind() == ErrorKind::interrupted;
            if ((parsed.operands().size() == 1 && !metrics) || with_options) throw;
            scraped.push_back({path, std::nullopt});
            // Text has a line each; JSON one object for all, whose kind is the last one's.
            std::string before;
            if (failed && output.format == Format::text) {
                io.err << "kvctl: " << printable(failed->what()) << '\n';
            } else if (failed) {
                before = std::string(failed->what()) + "; ";
            }
            failed.emplace(e.kind(), before + e.what());
        }
    }
    if (metrics) {
        write_metrics(scraped, parsed, output, io);
    } else {
        write_reports(reports, parsed.operands().size() > 1, output, io);
    }
    if (failed) throw Error(*failed);
    return 0;
}

}  // namespace kvctl::cli
