#include "kvctl/report/vacuum_report.hpp"

#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/report/json_parts.hpp"

namespace kvctl::report {

void write_text(std::ostream& out, const VacuumReport& r, const TextStyle& style) {
    const auto bytes = [&](std::uint64_t n) {
        return style.raw_bytes ? std::to_string(n) : style.format_bytes(n);
    };
    out << (r.executed ? "" : "dry run: ") << escape(r.store.path) << ": " << bytes(r.file_before)
        << " before, " << bytes(r.file_after) << (r.executed ? " now" : " then (predicted)") << '\n';
    if (style.verbose) out << "  took " << r.duration_ms << " ms\n";
    write_end(out, r.refusal, r.command, style);
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
