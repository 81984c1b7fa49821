#include "kvctl/report/history_report.hpp"

#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/report/json_parts.hpp"
#include "kvctl/report/table.hpp"

namespace kvctl::report {
namespace {

Json pair(mvcc::Revision r) {
    return Json::array({r.main, r.sub});
}

std::string text_of(mvcc::Revision r) {
    return std::to_string(r.main) + "." + std::to_string(r.sub);
}

Json revision_json(const HistoryReport& h, const HistoryRow& row) {
    const mvcc::Record r = h.record(row.revision);
    Json j{{"main", row.revision.main}, {"sub", row.revision.sub}, {"tombstone", r.tombstone}};
    if (!r.tombstone) {
        j["create_revision"] = r.create_revision;
        if (h.versions) j["version"] = r.version;
        if (r.lease != 0) j["lease"] = hex(static_cast<std::uint64_t>(r.lease));
    }
    j["bytes"] = row.bytes;
    if (h.values) j["value"] = r.tombstone ? Json(nullptr) : Json(base64_encode(r.value));
    return j;
}

// `"name": [` one revision a line `]`.
void write_revisions(std::ostream& out, const HistoryReport& h, const std::vector<HistoryRow>& rows,
                     const char* indent) {
    out << "\"revisions\": [";
    const char* separator = "\n";
    for (const HistoryRow& r : rows) {
        if (!out) return;
        out << separator << indent << revision_json(h, r).dump();
        separator = ",\n";
    }
    out << "]";
}

void rows_text(std::ostream& out, const HistoryReport& h, const std::vector<HistoryRow>& rows,
               const TextStyle& style) {
    Table table(4);
    std::vector<std::string> head{"revision", "", "version", "bytes", "lease"};
    if (!h.versions) head.erase(head.begin() + 2);
    table.left_columns(2);
    table.row(head);
    for (const HistoryRow& row : rows) {
        const mvcc::Record r = h.record(row.revision);
        std::vector<std::string> cells{
            text_of(row.revision), r.tombstone ? "tombstone" : "put",
            r.tombstone ? "-" : std::to_string(r.version),
            style.raw_bytes ? std::to_string(row.bytes) : style.format_bytes(row.bytes),
            r.lease == 0 ? "-" : hex(static_cast<std::uint64_t>(r.lease))};
        if (!h.versions) cells.erase(cells.begin() + 2);
        table.row(cells);
    }
    table.write(out);
    if (!h.values) return;
    for (const HistoryRow& row : rows) {
        if (!out) return;
        const mvcc::Record r = h.record(row.revision);
        if (!r.tombstone) out << "    " << text_of(row.revision) << " = " << escape(r.value) << '\n';
    }
}

}  // namespace

void write_text(std::ostream& out, const HistoryReport& h, const TextStyle& style) {
    out << escape(h.key) << ": ";
    if (h.generations.empty() && h.unindexed.empty()) {
        out << "no revision is stored\n";
        return;
    }
    out << (h.live ? "live" : "deleted") << ", " << h.generations.size()
        << (h.generations.size() == 1 ? " generation\n" : " generations\n");
    std::size_t n = 0;
    for (const HistoryGeneration& g : h.generations) {
        out << "\n  generation " << ++n << ", created " << text_of(g.created);
        if (h.versions) out << ", " << g.version << (g.version == 1 ? " change" : " changes");
        const std::uint64_t stored = g.rows.size();
        if (h.versions && static_cast<std::uint64_t>(g.version) > stored) out << ", " << stored << " stored";
        out << '\n';
        rows_text(out, h, g.rows, style);
    }
    if (!h.unindexed.empty()) {
        out << "\n  rows outside of any generation, which etcd's index does not know\n";
        rows_text(out, h, h.unindexed, style);
    }
}

void write_json(std::ostream& out, const HistoryReport& h) {
    Json head = Json::object();
    put_key(head, h.key);
    head["live"] = h.live;
    out << "{\n  \"schema\": \"kvctl.history/1\"";
    write_members(out, head, ",\n  ");
    out << ",\n  \"generations\": [";
    const char* separator = "\n";
    for (const HistoryGeneration& g : h.generations) {
        out << separator << "    {\"created\": " << pair(g.created).dump();
        out << ", \"version\": " << g.version << ", ";
        write_revisions(out, h, g.rows, "      ");
        out << "}";
        separator = ",\n";
    }
    out << "],\n  \"unindexed\": {";
    write_revisions(out, h, h.unindexed, "    ");
    Json tail = Json::object();
    put_notes(tail, h.notes);
    out << "}";
    write_members(out, tail, ",\n  ");
    out << "\n}\n";
}

void write_jsonl(std::ostream& out, const HistoryReport& h) {
    Json summary{{"type", "summary"}, {"schema", "kvctl.history/1"}};
    put_key(summary, h.key);
    summary["live"] = h.live;
    summary["generations"] = Json::array();
    std::uint64_t n = 0;
    const auto lines = [&](const std::vector<HistoryRow>& rows, const Json& generation) {
        for (const HistoryRow& r : rows) {
            if (!out) return;
            Json line{{"type", "revision"}, {"generation", generation}};
            line.update(revision_json(h, r));
            out << line.dump() << '\n';
        }
    };
    for (const HistoryGeneration& g : h.generations) {
        lines(g.rows, ++n);
        summary["generations"].push_back(
            {{"created", pair(g.created)}, {"version", g.version}, {"stored", g.rows.size()}});
    }
    lines(h.unindexed, nullptr);
    summary["unindexed"] = h.unindexed.size();
    put_notes(summary, h.notes);
    out << summary.dump() << '\n';
}

}  // namespace kvctl::report
