#include "kvctl/report/explain_report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/report/json_parts.hpp"
#include "kvctl/report/table.hpp"
#include "kvctl/report/times_text.hpp"

namespace kvctl::report {
namespace {

using Reason = mvcc::Explained::Reason;

// A gap row has no key; kine calls it by its number.
std::string key_of(const ExplainReport& r, mvcc::Slot slot) {
    const mvcc::KeyId id = r.index->key_of(slot);
    if (id < mvcc::k_gap_key) return std::string(r.index->key(id));
    return id == mvcc::k_gap_key ? fmt::format("gap-{}", r.index->revision(slot).main) : "";
}

std::optional<kube::Timeline::At> time_of(const ExplainReport& r, std::size_t row) {
    return row < r.times.size() ? r.times[row] : std::nullopt;
}

Json row_json(const ExplainReport& r, std::size_t row) {
    const mvcc::Explained& e = r.rows[row];
    const mvcc::Revision revision = r.index->revision(e.slot);
    Json j{{"main", revision.main}, {"sub", revision.sub}, {"tombstone", r.index->is_tombstone(e.slot)}};
    if (r.at) put_key(j, key_of(r, e.slot));
    j["bytes"] = r.index->bytes_of(e.slot);
    j["verdict"] = e.removed ? "remove" : "keep";
    j["reason"] = mvcc::name_of(e.reason);
    j["by"] = e.by ? Json{{"main", e.by->main}, {"sub", e.by->sub}} : Json(nullptr);
    const auto at = time_of(r, row);
    put_time(j, at ? std::optional(at->time) : std::nullopt, at ? at->error : std::nullopt);
    return j;
}

Json head_json(const ExplainReport& r) {
    Json j{{"schema", "kvctl.explain/1"}};
    if (r.key) put_key(j, *r.key);
    if (r.at) j["at"] = *r.at;
    j["target"] = r.plan->target.value();
    j["compacted_before"] = r.plan->compacted_before.value();
    j["compacted_after"] = r.plan->compacted_after.value();
    j["tombstone_rule"] = name_of(r.plan->rules.tombstones);
    return j;
}

std::string because(const mvcc::Explained& e, const mvcc::CompactionPlan& plan) {
    const MainRevision target = plan.compacted_after;
    const std::string by = e.by ? to_string(*e.by) : "";
    switch (e.reason) {
        case Reason::superseded:
            return "superseded by " + by;
        case Reason::tombstone:
            return fmt::format("a tombstone at or below {}", target);
        case Reason::orphan:
            return by.empty() ? "an orphan: no later row points at it"
                              : fmt::format("an orphan: no later row points at it, and {} is newer", by);
        case Reason::gap:
            return fmt::format("a gap row at or below {}", target);
        case Reason::newer:
            return fmt::format("newer than {}", target);
        case Reason::latest:
            return fmt::format("the latest at {}", target);
        case Reason::tombstone_at_target:
            return fmt::format("a tombstone exactly at {}", target);
        case Reason::current:
            return "the row of the current revision";
        case Reason::unplaced:
            return "the row cannot be read well enough to be judged";
        case Reason::already_compacted:
            return fmt::format("the store is compacted to {} already: nothing would go", target);
    }
    return "";
}

}  // namespace

void write_text(std::ostream& out, const ExplainReport& r, const TextStyle& style) {
    const mvcc::CompactionPlan& plan = *r.plan;
    out << (r.key ? escape(*r.key) : "revision " + *r.at) << ": ";
    if (r.rows.empty()) {
        out << (r.key ? "no revision is stored\n" : "nothing is stored there\n");
        return;
    }
    out << "what a compaction at " << plan.target << " would do";
    if (plan.compacted_after > plan.target && plan.finishes) {
        out << ", finishing the pending one to " << *plan.finishes;
    }
    out << "\n\n";
    Table table(2);
    if (r.at) table.fit(style, 1);
    const bool times =
        std::any_of(r.times.begin(), r.times.end(), [](const auto& t) { return t.has_value(); });
    table.left_columns((r.at ? 5U : 4U) + (times ? 1U : 0U));
    std::vector<std::string> head{"revision", "", "verdict", "because", "time", "bytes"};
    if (!times) head.erase(head.begin() + 4);
    if (r.at) head.insert(head.begin() + 1, "key");
    table.row(head);
    for (std::size_t i = 0; i < r.rows.size(); ++i) {
        const mvcc::Explained& e = r.rows[i];
        const auto at = time_of(r, i);
        std::vector<std::string> cells{to_string(r.index->revision(e.slot)),
                                       r.index->is_tombstone(e.slot) ? "tombstone" : "put",
                                       e.removed ? "remove" : "keep",
                                       because(e, plan),
                                       at ? time_text(at->time, at->error) : "-",
                                       style.bytes(r.index->bytes_of(e.slot))};
        if (!times) cells.erase(cells.begin() + 4);
        if (r.at) cells.insert(cells.begin() + 1, escape(key_of(r, e.slot)));
        table.row(cells);
    }
    table.write(out);
}

void write_json(std::ostream& out, const ExplainReport& r) {
    Json head = head_json(r);
    head.erase("schema");
    out << "{\n  \"schema\": \"kvctl.explain/1\"";
    write_members(out, head, ",\n  ");
    out << ",\n  \"revisions\": [";
    const char* separator = "\n";
    for (std::size_t i = 0; i < r.rows.size(); ++i) {
        if (!out) return;
        out << separator << "    " << row_json(r, i).dump();
        separator = ",\n";
    }
    out << "]";
    Json tail = Json::object();
    put_notes(tail, r.notes);
    write_members(out, tail, ",\n  ");
    out << "\n}\n";
}

void write_jsonl(std::ostream& out, const ExplainReport& r) {
    std::uint64_t removed = 0;
    for (std::size_t i = 0; i < r.rows.size(); ++i) {
        if (!out) return;
        removed += r.rows[i].removed ? 1 : 0;
        Json line{{"type", "revision"}};
        line.update(row_json(r, i));
        out << line.dump() << '\n';
    }
    Json summary{{"type", "summary"}};
    summary.update(head_json(r));
    summary["stored"] = r.rows.size();
    summary["removed"] = removed;
    put_notes(summary, r.notes);
    out << summary.dump() << '\n';
}

}  // namespace kvctl::report
