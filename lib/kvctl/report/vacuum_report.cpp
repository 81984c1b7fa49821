#include "kvctl/report/vacuum_report.hpp"

#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/report/json_parts.hpp"

namespace kvctl::report {

void write_text(std::ostream& out, const VacuumReport& r, const TextStyle& style) {
    const std::string gained = gain(style, r.file_before, r.file_after, r.executed);
    out << (r.executed ? "" : "dry run: ") << escape(r.store.path) << ": ";
    if (gained.empty()) {
        out << "nothing to give back, " << style.bytes(r.file_before) << " before and "
            << (r.file_after == r.file_before ? "after" : style.bytes(r.file_after) + " after") << '\n';
        if (r.refusal.empty()) return;
    } else {
        out << (r.executed ? "shrunk " : "would shrink ") << gained << '\n';
    }
    if (style.verbose) out << "  took " << group_digits(r.duration_ms) << " ms\n";
    write_end(out, r.refusal, gained.empty() ? std::string() : r.command, style);
}

namespace {

Json vacuum_json(const VacuumReport& r) {
    Json j{
        {"schema", "kvctl.vacuum/1"},
        {"result", r.executed ? "vacuumed" : "would-vacuum"},
        {"dry_run", !r.executed},
        {"store", store_json(r.store)},
        {"size", {{"file_before", r.file_before}, {"file_after", r.file_after}, {"predicted", !r.executed}}},
        {"duration_ms", r.duration_ms}};
    put_notes(j, r.notes);
    put_refusal(j, r.refusal);
    return j;
}

}  // namespace

void write_json(std::ostream& out, const VacuumReport& r) {
    write_document(out, vacuum_json(r));
}

void write_jsonl(std::ostream& out, const VacuumReport& r) {
    out << vacuum_json(r).dump() << '\n';
}

}  // namespace kvctl::report
