#include <nlohmann/json.hpp>

#include "kvctl/report/compaction_report.hpp"
#include "kvctl/report/json_parts.hpp"
#include "kvctl/report/times_text.hpp"

namespace kvctl::report {
namespace {

Json tally_json(const mvcc::Tally& t, bool kine) {
    Json j{{"revisions", t.revisions}, {"tombstones", t.tombstones}, {"keys", t.keys}, {"bytes", t.bytes}};
    if (kine) j["gaps"] = t.gaps;
    return j;
}

Json row_json(const mvcc::TreeIndex& index, const mvcc::RemovedRow& row) {
    const mvcc::Revision r = index.revision(row.slot);
    Json j{{"main", r.main}, {"sub", r.sub}, {"tombstone", index.is_tombstone(row.slot)}};
    const mvcc::KeyId key = index.key_of(row.slot);
    put_key(j, key < mvcc::k_gap_key ? std::string(index.key(key)) : "gap-" + std::to_string(r.main));
    j["bytes"] = index.bytes_of(row.slot);
    j["reason"] = name_of(row.reason);
    if (row.by) j["by"] = {{"main", row.by->main}, {"sub", row.by->sub}};
    return j;
}

Json optional_number(const std::optional<std::uint64_t>& n) {
    return n ? Json(*n) : Json(nullptr);
}

Json live_json(const LiveWork& live) {
    const auto number = [&](std::uint64_t LiveWork::Counts::*member) {
        return live.counts ? Json((*live.counts).*member) : Json(nullptr);
    };
    return {{"transactions", number(&LiveWork::Counts::transactions)},
            {"longest_ms", number(&LiveWork::Counts::longest_ms)},
            {"busy_retries", number(&LiveWork::Counts::busy_retries)},
            {"foreign_compactions", number(&LiveWork::Counts::foreign_compactions)}};
}

// All but the list of removed revisions, which is streamed.
Json summary(const CompactionReport& r) {
    const mvcc::CompactionPlan& p = *r.plan;
    const bool kine = p.rules.tombstones == mvcc::CompactionRules::Tombstones::kine;
    Json removed = tally_json(p.removed, kine);
    removed["orphans"] = p.removed.orphans;
    Json prefixes = Json::array();
    for (const mvcc::PrefixUsage& u : r.prefixes.largest) {
        Json one;
        put_key(one, u.prefix, "prefix");
        one["keys"] = u.keys;
        one["revisions"] = u.revisions;
        one["removed_revisions"] = u.removed_revisions;
        one["removed_bytes"] = u.removed_bytes;
        prefixes.push_back(std::move(one));
    }
    Json j{{"schema", "kvctl.compact/1"},
           {"result", r.result},
           {"dry_run", !r.executed},
           {"store", store_json(r.store)},
           {"revisions",
            {{"current", p.current.value()},
             {"compacted_before", p.compacted_before.value()},
             {"target", p.target.value()},
             {"compacted_after", p.compacted_after.value()}}},
           {"tombstone_rule", name_of(p.rules.tombstones)},
           {"strategy", r.strategy},
           {"before", tally_json(p.before, kine)},
           {"removed", std::move(removed)},
           {"kept", tally_json(p.kept, kine)},
           {"prefixes", std::move(prefixes)}};
    if (r.target_time) {
        const auto& time = r.target_time->time;
        j["target_time"] = time ? Json(kube::format_time(*time)) : Json(nullptr);
        j["target_error_seconds"] = time ? Json(seconds_up(r.target_time->error)) : Json(nullptr);
    }
    if (r.live) j["live"] = live_json(*r.live);
    if (r.prefixes.truncated) j["prefixes_truncated"] = true;
    if (p.finishes) j["finishes"] = p.finishes->value();
    if (!r.output.empty()) j["output"] = r.output;
    if (kine) {
        j["cross_key_pointers"] = p.cross_key_pointers;
        j["dangling_pointers"] = p.dangling_pointers;
    }
    if (r.old_values) j["old_values"] = {{"values", r.old_values->values}, {"bytes", r.old_values->bytes}};
    j["raft_log"] = r.raft_log ? log_json(*r.raft_log) : Json(nullptr);
    j["size"] = {{"file_before", r.file_before},
                 {"file_after", optional_number(r.file_after)},
                 {"file_after_vacuum", optional_number(r.file_after_vacuum)},
                 {"predicted", r.predicted}};
    j["duration_ms"] = r.duration_ms;
    put_notes(j, r.notes);
    put_refusal(j, r.refusal);
    return j;
}

}  // namespace

void write_json(std::ostream& out, const CompactionReport& report) {
    if (!report.list) {
        write_document(out, summary(report));
        return;
    }
    out << "{\n";
    const Json document = summary(report);
    for (const auto& [name, value] : document.items()) {
        out << "  " << Json(name).dump() << ": " << value.dump() << ",\n";
    }
    out << "  \"removed_revisions\": [";
    const char* separator = "\n";
    mvcc::RemovedRows(*report.index, *report.plan).for_each([&](const mvcc::RemovedRow& row) {
        if (!out) return;
        out << separator << "    " << row_json(*report.index, row).dump();
        separator = ",\n";
    });
    out << "\n  ]\n}\n";
}

void write_list_jsonl(std::ostream& out, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan) {
    mvcc::RemovedRows(index, plan).for_each([&](const mvcc::RemovedRow& row) {
        if (!out) return;
        Json line{{"type", "removed"}};
        line.update(row_json(index, row));
        out << line.dump() << '\n';
    });
}

void write_jsonl(std::ostream& out, const CompactionReport& report) {
    if (report.list) write_list_jsonl(out, *report.index, *report.plan);
    Json line{{"type", "summary"}};
    line.update(summary(report));
    out << line.dump() << '\n';
}

}  // namespace kvctl::report
