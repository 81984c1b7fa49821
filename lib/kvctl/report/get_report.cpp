#include "kvctl/report/get_report.hpp"

#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/report/json_parts.hpp"
#include "kvctl/report/object_text.hpp"

namespace kvctl::report {
namespace {

// A key's record, without its value when only keys were asked for; false when the output is gone.
template <class F>
void each(std::ostream& out, const GetReport& r, F f) {
    if (r.count_only) return;
    for (const mvcc::RangeRow& row : r.result->rows) {
        if (!out) return;
        mvcc::Record record = r.record(row.modified);
        if (r.keys_only) record.value = {};
        f(record);
    }
}

// A value for a terminal: its lines stay lines.
std::string printable_lines(std::string_view value) {
    std::string out;
    for (std::size_t end = value.find('\n'); end != std::string_view::npos; end = value.find('\n')) {
        out += printable(value.substr(0, end)) + '\n';
        value.remove_prefix(end + 1);
    }
    return out + printable(value);
}

// The names and the order of mvccpb.KeyValue, as Go's encoding writes them.
Json kv_json(const GetReport& report, const mvcc::Record& r) {
    Json kv = Json::object();
    if (!r.key.empty()) kv["key"] = base64_encode(r.key);
    if (r.create_revision != 0) kv["create_revision"] = r.create_revision;
    if (r.revision.main != 0) kv["mod_revision"] = r.revision.main;
    if (r.version != 0) kv["version"] = r.version;
    if (!r.value.empty()) kv["value"] = base64_encode(r.value);
    if (r.lease != 0) kv["lease"] = r.lease;
    if (report.decode && !report.keys_only) put_object(kv, r, report.reveal_secrets);
    return kv;
}

Json header_json(const GetReport& r) {
    Json header{{"revision", r.current.value()}};
    if (r.term) header["raft_term"] = r.term->value();
    return header;
}

// What stands behind the keys.
Json tail_json(const GetReport& r) {
    Json tail = Json::object();
    if (r.result->more) tail["more"] = true;
    tail["count"] = r.result->count;
    if (!r.notes.warnings.empty()) tail["warnings"] = texts_json(r.notes.warnings);
    if (!r.notes.findings.empty()) tail["findings"] = findings_json(r.notes.findings);
    return tail;
}

}  // namespace

void write_text(std::ostream& out, const GetReport& r) {
    if (r.count_only) out << r.result->count << '\n';
    each(out, r, [&](const mvcc::Record& record) {
        if (!r.value_only) out << (r.to_terminal ? escape(record.key) : std::string(record.key)) << '\n';
        if (r.decode && !r.keys_only) {
            write_object_text(out, record, r.reveal_secrets, 0);
            return;
        }
        out << (r.to_terminal ? printable_lines(record.value) : std::string(record.value)) << '\n';
    });
}

void write_json(std::ostream& out, const GetReport& r) {
    out << "{\n  \"header\": " << header_json(r).dump();
    const bool rows = !r.count_only && !r.result->rows.empty();
    const char* separator = ",\n  \"kvs\": [\n    ";
    each(out, r, [&](const mvcc::Record& record) {
        out << separator << kv_json(r, record).dump();
        separator = ",\n    ";
    });
    if (rows) out << "\n  ]";
    write_members(out, tail_json(r), ",\n  ");
    out << "\n}\n";
}

void write_jsonl(std::ostream& out, const GetReport& r) {
    each(out, r, [&](const mvcc::Record& record) {
        Json line{{"type", "kv"}};
        line.update(kv_json(r, record));
        out << line.dump() << '\n';
    });
    Json summary{{"type", "summary"}, {"header", header_json(r)}};
    summary.update(tail_json(r));
    out << summary.dump() << '\n';
}

}  // namespace kvctl::report
