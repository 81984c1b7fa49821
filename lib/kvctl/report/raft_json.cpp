#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/report/json_parts.hpp"
#include "kvctl/report/raft_report.hpp"

namespace kvctl::report {
namespace {

Json snapshot_json(const std::optional<raft::SnapshotMeta>& snapshot) {
    if (!snapshot) return nullptr;
    return {{"index", snapshot->index.value()}, {"term", snapshot->term.value()}};
}

Json hard_state_json(const std::optional<raft::HardState>& hard) {
    if (!hard) return nullptr;
    return {{"term", hard->term.value()}, {"vote", hex(hard->vote)}, {"commit", hard->commit.value()}};
}

Json number_json(const std::optional<std::uint64_t>& n) {
    return n ? Json(*n) : Json(nullptr);
}

Json id_json(const std::optional<std::uint64_t>& id) {
    return id ? Json(hex(*id)) : Json(nullptr);
}

// By hand: there may be millions, and every word in it is plain ASCII.
std::string entry_json(const RaftEntry& e) {
    std::string out = R"({"type":"entry","index":)" + std::to_string(e.facts.index.value());
    out += R"(,"term":)" + std::to_string(e.facts.term.value());
    out += R"(,"entry_type":")";
    out += name_of(e.facts.type);
    out += R"(","bytes":)" + (e.facts.bytes ? std::to_string(*e.facts.bytes) : "null");
    out += R"(,"request":")";
    out += name_of(e.facts.request);
    out += '"';
    if (e.pages) out += R"(,"pages":)" + std::to_string(*e.pages);
    if (e.with_revision) out += R"(,"revision":)" + (e.revision ? std::to_string(*e.revision) : "null");
    out += '}';
    return out;
}

// The document without its first member.
Json document_json(const RaftReport& r) {
    LogFacts log{r.source, r.layout, {}, r.compaction.has_value()};
    if (r.compaction) {
        log.after = r.compaction->layout;
    } else {
        log.after.after = r.layout;
    }
    Json j;
    if (r.compaction) {
        j["result"] = r.compaction->result;
        j["output"] = utf8_text(r.compaction->output);
    }
    const Json shape = log_json(log);
    for (const auto& [name, value] : shape.items()) j[name] = value;
    Json requests = Json::object();
    const raft::Layout& layout = log.after.after;
    for (std::size_t i = 0; i < raft::k_request_kinds; ++i) {
        const auto kind = static_cast<raft::RequestKind>(i);
        if (layout.by_request[i] > 0) requests[std::string(name_of(kind))] = layout.by_request[i];
    }
    j["by_request"] = std::move(requests);
    j["format"] = r.format;
    j["filtered"] = r.filtered;
    j["newest_snapshot"] = snapshot_json(r.newest_snapshot);
    if (r.start_up) {
        j["start_up"] = {{"up_to_3.6", snapshot_json(r.start_up->up_to_3_6)},
                         {"from_3.7", snapshot_json(r.start_up->from_3_7)}};
    }
    j["hard_state"] = hard_state_json(r.hard_state);
    j["node_id"] = id_json(r.node_id);
    j["cluster_id"] = id_json(r.cluster_id);
    j["consistent_index"] = r.consistent_index ? Json(r.consistent_index->value()) : Json(nullptr);
    j["committed"] = number_json(r.counts.committed);
    j["applied"] = number_json(r.counts.applied);
    if (r.store) {
        const auto& logged = r.store->logged_compaction;
        j["store"] = {{"path", utf8_text(r.store->path)},
                      {"current", r.store->current.value()},
                      {"compacted", r.store->compacted.value()},
                      {"logged_compaction", logged ? Json(logged->value()) : Json(nullptr)}};
    }
    if (r.listed) j["listed"] = *r.listed;
    j["findings"] = findings_json(r.findings);
    return j;
}

}  // namespace

void write_json(std::ostream& out, const RaftReport& report) {
    Json document{{"schema", report.compaction ? "kvctl.raft-compact/1" : "kvctl.raft/1"}};
    const Json rest = document_json(report);
    for (const auto& [name, value] : rest.items()) document[name] = value;
    write_document(out, document);
}

void write_summary_line(std::ostream& out, const RaftReport& report) {
    Json document{{"type", "summary"},
                  {"schema", report.compaction ? "kvctl.raft-compact/1" : "kvctl.raft/1"}};
    const Json rest = document_json(report);
    for (const auto& [name, value] : rest.items()) document[name] = value;
    out << document.dump() << '\n';
}

void write_entry_line(std::ostream& out, const RaftEntry& entry) {
    out << entry_json(entry) << '\n';
}

void RaftDocument::begin() {
    out_ << "{\n  \"schema\": \"kvctl.raft/1\",\n  \"listed_entries\": [";
}

void RaftDocument::entry(const RaftEntry& entry) {
    out_ << (first_ ? "\n    " : ",\n    ") << entry_json(entry);
    first_ = false;
}

void RaftDocument::end(const RaftReport& report) {
    out_ << (first_ ? "]" : "\n  ]");
    const Json rest = document_json(report);
    for (const auto& [name, value] : rest.items()) {
        out_ << ",\n  " << Json(name).dump() << ": " << value.dump();
    }
    out_ << "\n}\n";
}

}  // namespace kvctl::report
