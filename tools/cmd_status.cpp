#include <optional>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/jobs/status.hpp"
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
            report::write_text(bold.stream(), reports[i], {output.raw_bytes, output.verbose, format_bytes});
        }
    }
}

}  // namespace

OptionTable status_options() {
    return join({{{"Raft log", {wal_dir_option()}}}, rules_options(), store_options(), output_options()});
}

int status(const Args& args, Io& io) {
    const Parsed parsed = parse(status_options(), args);
    const Output output = output_of(parsed, io);
    parsed.expect_operands(1, 10000, "STORE...");
    const auto progress = make_progress(output, io);
    std::vector<report::StatusReport> reports;
    std::optional<Error> failed;
    for (const std::string& path : parsed.operands()) {
        // One that cannot be read keeps nobody from seeing the others.
        try {
            reports.push_back(jobs::status(
                {path, open_options_of(parsed), rules_of(parsed), parsed.value("wal-dir")}, progress.get()));
        } catch (const Error& e) {
            const bool with_options = e.kind() == ErrorKind::usage || e.kind() == ErrorKind::interrupted;
            if (parsed.operands().size() == 1 || with_options) throw;
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
    write_reports(reports, parsed.operands().size() > 1, output, io);
    if (failed) throw Error(*failed);
    return 0;
}

}  // namespace kvctl::cli
