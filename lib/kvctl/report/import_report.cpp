#include "kvctl/report/import_report.hpp"

#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/report/json_parts.hpp"
#include "kvctl/report/table.hpp"

namespace kvctl::report {
namespace {

Json lost_json(const ImportReport::Lost& lost) {
    Json j;
    j["from"] = lost.from ? Json(*lost.from) : Json(nullptr);
    j["to"] = lost.to ? Json(*lost.to) : Json(nullptr);
    j["keys"] = Json::array();
    for (const std::string& key : lost.keys) {
        Json k;
        put_key(k, key);
        j["keys"].push_back(std::move(k));
    }
    return j;
}

std::string range_text(const ImportReport::Lost& lost) {
    if (lost.from && lost.from == lost.to) return fmt::format("revision {}", *lost.from);
    if (!lost.from && !lost.to) return "revisions that are not known";
    return fmt::format("revisions {} to {}", lost.from ? std::to_string(*lost.from) : "from the first",
                       lost.to ? std::to_string(*lost.to) : "the last");
}

void lost_text(std::ostream& out, const ImportReport& r) {
    if (!r.salvaged) return;
    if (r.lost.empty()) {
        out << "\nNothing was found to be missing.\n";
        return;
    }
    out << "\nMissing, or incomplete:\n";
    for (const ImportReport::Lost& lost : r.lost) {
        out << "  " << range_text(lost) << '\n';
        for (const std::string& key : lost.keys) out << "    of " << escape(key) << '\n';
    }
}

Json document(const ImportReport& r) {
    Json j{{"schema", "kvctl.import/1"}, {"result", r.salvaged ? "salvaged" : "imported"}};
    j["source"] = {{"path", utf8_text(r.source)}, {"kind", r.source_kind}, {"file_bytes", r.source_bytes}};
    j["store"] = store_json(r.store);
    j["revisions"] = {{"current", r.current.value()}, {"compacted", r.compacted.value()}};
    j["counts"] = {{"revisions", r.revisions}, {"tombstones", r.tombstones}, {"leases", r.leases}};
    j["bytes"] = r.bytes;
    j["raft_log"] = nullptr;
    if (r.log) {
        j["raft_log"] = {
            {"snapshot", {{"index", r.log->snapshot.index.value()}, {"term", r.log->snapshot.term.value()}}},
            {"entries", r.log->entries},
            {"last_index", r.log->last_index ? Json(r.log->last_index->value()) : Json(nullptr)}};
    }
    if (r.salvaged) {
        j["lost"] = Json::array();
        for (const ImportReport::Lost& lost : r.lost) j["lost"].push_back(lost_json(lost));
    }
    j["duration_ms"] = r.duration_ms;
    put_notes(j, r.notes);
    return j;
}

}  // namespace

void write_text(std::ostream& out, const ImportReport& r, const TextStyle& style) {
    out << escape(r.store.path) << ": built from " << escape(r.source) << " (" << r.source_kind << ")\n";
    Table t(2);
    t.left_columns(2);
    t.row({"revisions", fmt::format("{}, of them {}, {} of keys and values", group_digits(r.revisions),
                                    many(r.tombstones, "tombstone"), style.bytes(r.bytes))});
    t.row({"current", fmt::format("{}, {}", r.current,
                                  r.compacted.value() < 0 ? "never compacted"
                                                          : fmt::format("compacted to {}", r.compacted))});
    if (r.leases > 0) t.row({"leases", group_digits(r.leases)});
    if (r.log) {
        t.row({"raft log",
               fmt::format("{} behind index {}", many(r.log->entries, "entry"), r.log->snapshot.index)});
    }
    t.row({"file",
           fmt::format("{} before, {} after", style.bytes(r.source_bytes), style.bytes(r.store.file_bytes))});
    if (style.verbose) t.row({"took", group_digits(r.duration_ms) + " ms"});
    t.write(out);
    lost_text(out, r);
}

void write_json(std::ostream& out, const ImportReport& r) {
    write_document(out, document(r));
}

void write_jsonl(std::ostream& out, const ImportReport& r) {
    out << document(r).dump() << '\n';
}

}  // namespace kvctl::report
