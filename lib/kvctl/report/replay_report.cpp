#include "kvctl/report/replay_report.hpp"

#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/report/json_parts.hpp"
#include "kvctl/report/table.hpp"

namespace kvctl::report {
namespace {

std::string result_of(const ReplayReport& r) {
    if (r.entries == 0 && r.compactions.empty()) return "nothing-to-apply";
    return r.executed ? "replayed" : "would-replay";
}

Json document(const ReplayReport& r) {
    Json j{{"schema", "kvctl.replay/1"},
           {"result", result_of(r)},
           {"dry_run", !r.executed},
           {"store", store_json(r.store)}};
    j["log"] = {{"source", utf8_text(r.log)},
                {"format", r.format},
                {"committed", r.last_committed ? Json(r.last_committed->value()) : Json(nullptr)}};
    j["consistent_index"] = r.index_after.value();
    j["consistent_index_before"] = r.index_before.value();
    j["term"] = r.term ? Json(r.term->value()) : Json(nullptr);
    j["entries"] = r.entries;
    j["requests"] = Json::object();
    for (const auto& [kind, count] : r.requests) j["requests"][kind] = count;
    j["refused"] = Json::object();
    for (const auto& [reason, count] : r.refused) j["refused"][reason] = count;
    j["revisions"] = {{"made", r.revisions},
                      {"current_before", r.current_before.value()},
                      {"current", r.current_after.value()},
                      {"compacted_before", r.compacted_before.value()},
                      {"compacted", r.compacted_after.value()}};
    j["rows"] = {{"puts", r.puts}, {"tombstones", r.tombstones}};
    j["leases"] = {{"granted", r.leases_granted}, {"revoked", r.leases_revoked}, {"now", r.leases}};
    j["compactions"] = Json::array();
    for (const ReplayReport::Compaction& c : r.compactions) {
        j["compactions"].push_back({{"index", c.index ? Json(c.index->value()) : Json(nullptr)},
                                    {"revision", c.revision.value()},
                                    {"removed_revisions", c.removed}});
    }
    j["duration_ms"] = r.duration_ms;
    put_notes(j, r.notes);
    return j;
}

}  // namespace

void write_text(std::ostream& out, const ReplayReport& r, const TextStyle& style) {
    const bool would = !r.executed;
    out << (would ? "dry run: " : "") << escape(r.store.path) << ": ";
    if (r.entries == 0 && r.compactions.empty()) {
        out << "nothing to apply: the log has no committed entry above the consistent index "
            << r.index_before << '\n';
        return;
    }
    out << many(r.entries, "entry") << (would ? " would be applied" : " applied");
    if (r.entries > 0) out << ", raft index " << r.index_before.value() + 1 << " to " << r.index_after;
    out << '\n';
    Table t(2);
    t.left_columns(2);
    t.row({"revisions", fmt::format("{} made, current {} -> {}", group_digits(r.revisions), r.current_before,
                                    r.current_after)});
    t.row({"rows", fmt::format("{}, {}", many(r.puts, "put"), many(r.tombstones, "tombstone"))});
    if (r.leases_granted + r.leases_revoked + r.leases > 0) {
        t.row({"leases", fmt::format("{} granted, {} revoked, {} after", group_digits(r.leases_granted),
                                     group_digits(r.leases_revoked), group_digits(r.leases))});
    }
    for (const ReplayReport::Compaction& c : r.compactions) {
        const std::string cause = c.index ? fmt::format("raft index {}", *c.index) : "pending in the store";
        t.row({"compaction",
               fmt::format("revision {} ({}): {} freed", c.revision, cause, many(c.removed, "row"))});
    }
    std::string refused;
    for (const auto& [reason, count] : r.refused) {
        refused += fmt::format("{}{} {}", refused.empty() ? "" : ", ", group_digits(count), reason);
    }
    if (!refused.empty()) t.row({"refused", refused});
    if (style.verbose) {
        for (const auto& [kind, count] : r.requests)
            t.row({"request", fmt::format("{} {}", group_digits(count), kind)});
        t.row({"took", group_digits(r.duration_ms) + " ms"});
    }
    t.row({"consistent index", fmt::format("{} -> {}{}", r.index_before, r.index_after,
                                           r.term ? fmt::format(", term {}", *r.term) : "")});
    t.write(out);
    if (!r.command.empty()) out << "\nTo do it:\n  " << r.command << '\n';
}

void write_json(std::ostream& out, const ReplayReport& r) {
    write_document(out, document(r));
}

void write_jsonl(std::ostream& out, const ReplayReport& r) {
    out << document(r).dump() << '\n';
}

}  // namespace kvctl::report
