#include "kvctl/report/index_report.hpp"

#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/report/json_parts.hpp"

namespace kvctl::report {
namespace {

Json key_json(const mvcc::KeyIndex& key) {
    Json j;
    put_key(j, key.key());
    j["modified"] = revision_pair(key.modified());
    Json generations = Json::array();
    for (const mvcc::Generation& g : key.generations()) {
        Json revisions = Json::array();
        for (std::size_t i = 0; i < g.size(); ++i) revisions.push_back(revision_pair(g.revision(i)));
        generations.push_back({{"created", revision_pair(g.created())},
                               {"version", g.ver()},
                               {"revisions", std::move(revisions)}});
    }
    j["generations"] = std::move(generations);
    return j;
}

}  // namespace

void write_text(std::ostream& out, const IndexReport& r) {
    for (const mvcc::KeyIndex& key : r.keys) {
        if (!out) return;
        out << escape(key.key()) << "  modified " << key.modified() << '\n';
        for (const mvcc::Generation& g : key.generations()) {
            if (g.empty()) {
                out << "    (deleted)\n";
                continue;
            }
            out << "    created " << g.created() << "  version " << g.ver() << " ";
            for (std::size_t i = 0; i < g.size(); ++i) out << ' ' << g.revision(i);
            if (g.closed()) out << 't';
            out << '\n';
        }
    }
    if (r.key && r.keys.empty()) out << escape(*r.key) << ": not in the index\n";
}

void write_json(std::ostream& out, const IndexReport& r) {
    out << "{\n  \"schema\": \"kvctl.index/1\",\n  \"keys\": [";
    const char* separator = "\n";
    for (const mvcc::KeyIndex& key : r.keys) {
        if (!out) return;
        out << separator << "    " << key_json(key).dump();
        separator = ",\n";
    }
    Json notes;
    put_notes(notes, r.notes);
    out << "\n  ]";
    write_members(out, notes, ",\n  ");
    out << "\n}\n";
}

void write_jsonl(std::ostream& out, const IndexReport& r) {
    for (const mvcc::KeyIndex& key : r.keys) {
        if (!out) return;
        out << key_json(key).dump() << '\n';
    }
    if (r.notes.warnings.empty() && r.notes.findings.empty()) return;
    Json notes{{"type", "notes"}};
    put_notes(notes, r.notes);
    out << notes.dump() << '\n';
}

}  // namespace kvctl::report
