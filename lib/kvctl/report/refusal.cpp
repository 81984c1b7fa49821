#include "kvctl/report/refusal.hpp"

#include <algorithm>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/report/compaction_report.hpp"

namespace kvctl::report {

namespace {

// The ways out stand below, as commands.
std::string without_ways(const Refusal& refusal) {
    return refusal.ways.empty() ? refusal.reason
                                : refusal.reason.substr(0, refusal.reason.find("; ways out:"));
}

}  // namespace

void write_end(std::ostream& out, const Refusal& refusal, const std::string& command,
               const TextStyle& style) {
    if (!refusal.empty()) {
        out << '\n'
            << paint(style, Meaning::bad, "Refused as it stands:") << "\n  "
            << printable(without_ways(refusal)) << '\n';
        if (!refusal.then.empty()) out << "and once it is let go:\n  " << printable(refusal.then) << '\n';
        if (!refusal.has_recipe()) return;
    }
    if (command.empty()) return;
    out << "\nTo do it" << (refusal.ways.size() > 1 ? ", one of these" : "") << ":\n";
    for (const std::string& line : refusal.stop) out << "  " << line << '\n';
    if (refusal.ways.empty()) {
        out << "  " << command << '\n';
        return;
    }
    std::size_t width = 0;
    for (const WayOut& w : refusal.ways) width = std::max(width, w.command.size());
    for (const WayOut& w : refusal.ways) {
        const std::string bytes =
            style.raw_bytes ? fmt::format("{} bytes", w.needs) : style.format_bytes(w.needs);
        out << "  " << w.command << std::string(width - w.command.size(), ' ') << "  # needs " << bytes
            << (w.elsewhere ? " there" : "") << '\n';
    }
}

}  // namespace kvctl::report
