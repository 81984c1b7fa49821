#include "kvctl/report/json_parts.hpp"

#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"

namespace kvctl::report {
namespace {

Json number(const std::optional<std::uint64_t>& value) {
    return value ? Json(*value) : Json(nullptr);
}

}  // namespace

void put_key(Json& object, std::string_view key, const char* name) {
    const bool text = is_utf8(key);
    object[name] = text ? std::string(key) : base64_encode(key);
    object[std::string(name == std::string_view("prefix") ? "key" : name) + "_encoding"] =
        text ? "utf-8" : "base64";
}

std::string utf8_text(const std::string& text) {
    return is_utf8(text) ? text : escape(text);
}

Json revision_pair(mvcc::Revision revision) {
    return Json::array({revision.main, revision.sub});
}

Json store_json(const StoreFacts& store) {
    return {{"path", utf8_text(store.path)},
            {"layout", store.layout},
            {"file_bytes", store.file_bytes},
            {"page_size", store.page_size},
            {"free_pages", store.free_pages}};
}

Json texts_json(const std::vector<std::string>& texts) {
    Json all = Json::array();
    for (const std::string& t : texts) all.push_back(utf8_text(t));
    return all;
}

void put_refusal(Json& object, const Refusal& refusal) {
    if (refusal.empty()) return;
    object["refusal"] = utf8_text(refusal.reason);
    object["refusal_kind"] = refusal.kind;
    if (refusal.kind == "in-use") {
        object["refusal_pids"] = refusal.pids;
        object["refusal_stop"] = texts_json(refusal.stop);
    }
    if (!refusal.then.empty()) object["refusal_then"] = utf8_text(refusal.then);
    if (refusal.ways.empty()) return;
    Json ways = Json::array();
    for (const WayOut& w : refusal.ways)
        ways.push_back({{"command", utf8_text(w.command)}, {"needs", w.needs}, {"elsewhere", w.elsewhere}});
    object["ways_out"] = std::move(ways);
}

void put_notes(Json& object, const Notes& notes) {
    object["warnings"] = texts_json(notes.warnings);
    object["findings"] = findings_json(notes.findings);
}

Json findings_json(const Findings& findings) {
    Json all = Json::array();
    for (const Finding& f : findings) {
        Json one{{"severity", f.severity == Finding::Severity::error     ? "error"
                              : f.severity == Finding::Severity::warning ? "warning"
                                                                         : "info"},
                 {"code", f.code},
                 {"where", utf8_text(f.where)},
                 {"what", utf8_text(f.what)}};
        if (f.revision) one["revision"] = *f.revision;
        all.push_back(std::move(one));
    }
    return all;
}

std::string sentence(const Finding& f) {
    return fmt::format("{}: {}{}", f.code, f.where.empty() ? "" : f.where + ": ", f.what);
}

Json log_json(const LogFacts& log) {
    const raft::Layout& after = log.after.after;
    Json j{{"source", utf8_text(log.source)},
           {"snapshot",
            {{"index", after.snapshot.index.value()},
             {"term", after.snapshot.term ? Json(after.snapshot.term->value()) : Json(nullptr)}}},
           {"first_index", after.first_index.value()},
           {"last_index", after.last_index.value()},
           {"entries", after.entries},
           {"bytes", number(after.bytes)},
           {"removed_entries", log.after.removed_entries},
           {"removed_bytes", number(log.after.removed_bytes)}};
    Json terms = Json::array();
    for (const raft::TermRun& t : after.terms) {
        terms.push_back({{"term", t.term.value()},
                         {"first_index", t.first_index.value()},
                         {"last_index", t.last_index.value()},
                         {"entries", t.entries},
                         {"bytes", number(t.bytes)}});
    }
    j["terms"] = std::move(terms);
    Json types = Json::object();
    for (std::size_t i = 0; i < raft::k_entry_types; ++i) {
        if (after.by_type[i] > 0)
            types[std::string(name_of(static_cast<raft::EntryType>(i)))] = after.by_type[i];
    }
    j["by_type"] = std::move(types);
    if (log.compacted) {
        j["before"] = {{"snapshot_index", log.before.snapshot.index.value()},
                       {"first_index", log.before.first_index.value()},
                       {"last_index", log.before.last_index.value()},
                       {"entries", log.before.entries},
                       {"bytes", number(log.before.bytes)}};
    }
    return j;
}

void write_members(std::ostream& out, const Json& object, const char* before) {
    for (const auto& [name, value] : object.items())
        out << before << Json(name).dump() << ": " << value.dump();
}

void write_document(std::ostream& out, const Json& document) {
    out << "{";
    const char* separator = "\n";
    for (const auto& [name, value] : document.items()) {
        out << separator << "  " << Json(name).dump() << ": " << value.dump();
        separator = ",\n";
    }
    out << "\n}\n";
}

}  // namespace kvctl::report
