#pragma once
#include <string>

#include "kvctl/jobs/opened_store.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "tools/bold.hpp"
#include "tools/commands.hpp"
#include "tools/options.hpp"
#include "tools/shared_options.hpp"

namespace kvctl::cli {

/// Opens by --layout and --timeout; rules by --tombstones and --etcd-version, kine's for a kine store (a
/// usage Error when either is given for one).
[[nodiscard]] jobs::OpenedStore open_for_command(const Parsed& parsed, const std::string& path);

/// The same for the last operand of KEY STORE; a message about a missing file then tells those who took KEY
/// for the last.
[[nodiscard]] jobs::OpenedStore open_behind_key(const Parsed& parsed);

/// Writes a report in the format asked for, nothing when quiet; 0.
template <class Report>
int write_report(const Report& report, const Output& output, Io& io) {
    if (output.quiet) return 0;
    switch (output.format) {
        case Format::text:
            if constexpr (requires { write_text(io.out, report, report::TextStyle{}); }) {
                BoldFirstLine bold(io.out, output.color);
                write_text(bold.stream(), report, style_of(output));
            } else {
                write_text(io.out, report);
            }
            break;
        case Format::json:
            write_json(io.out, report);
            break;
        case Format::jsonl:
            write_jsonl(io.out, report);
            break;
    }
    return 0;
}

}  // namespace kvctl::cli
