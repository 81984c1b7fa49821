#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/report/json_parts.hpp"
#include "kvctl/report/store_report.hpp"

namespace kvctl::report {
namespace {

Json document(const PageWritten& p) {
    Json j{{"schema", "kvctl.report/1"},
           {"store", store_json(p.store)},
           {"output", {{"path", utf8_text(p.output)}, {"bytes", p.bytes}}},
           {"check", {{"errors", p.errors}, {"warnings", p.warnings}, {"notes", p.infos}}}};
    put_notes(j, p.notes);
    return j;
}

}  // namespace

PageWritten page_written(const StoreReport& r, const std::string& output) {
    PageWritten p;
    p.store = r.status.store;
    p.output = output;
    p.notes.warnings = r.warnings;
    for (const Finding& f : r.check.findings) {
        if (f.severity == Finding::Severity::error) p.errors += f.times;
        if (f.severity == Finding::Severity::warning) p.warnings += f.times;
        if (f.severity == Finding::Severity::info) p.infos += f.times;
    }
    return p;
}

void write_text(std::ostream& out, const PageWritten& p, const TextStyle& style) {
    out << escape(p.store.path) << ": wrote " << escape(p.output) << " (" << style.bytes(p.bytes) << ")\n";
    if (p.errors + p.warnings > 0) {
        out << "  a check found " << many(p.errors, "error") << " and " << many(p.warnings, "warning")
            << ", which it names\n";
    }
}

void write_json(std::ostream& out, const PageWritten& p) {
    write_document(out, document(p));
}

void write_jsonl(std::ostream& out, const PageWritten& p) {
    out << document(p).dump() << '\n';
}

}  // namespace kvctl::report
