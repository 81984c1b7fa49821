#include "kvctl/report/diff_report.hpp"

#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/report/json_parts.hpp"
#include "kvctl/report/table.hpp"

namespace kvctl::report {
namespace {

using Side = DiffKey::Side;

Json key_json(const DiffReport& r, const DiffKey& k) {
    Json j;
    put_key(j, k.key);
    j["side"] = k.side == Side::a ? "a" : k.side == Side::b ? "b" : "both";
    j["what"] = texts_json(k.what);
    if (!r.values) return j;
    j["bytes_a"] = k.side == Side::b ? Json(nullptr) : Json(k.bytes_a);
    j["bytes_b"] = k.side == Side::a ? Json(nullptr) : Json(k.bytes_b);
    if (k.side != Side::both) return j;
    j["fields"] = Json::array();
    for (const std::string& path : k.fields) {
        Json f;
        put_key(f, path, "path");
        j["fields"].push_back(std::move(f));
    }
    return j;
}

Json summary_json(const DiffReport& r) {
    return {{"schema", "kvctl.diff/1"},
            {"a", store_json(r.a)},
            {"b", store_json(r.b)},
            {"revision_a", r.revision_a.value()},
            {"revision_b", r.revision_b.value()},
            {"equal", r.equal()},
            {"compared", r.compared},
            {"only_a", r.only_a},
            {"only_b", r.only_b},
            {"differ", r.differ}};
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& w : words) text += (text.empty() ? "" : ", ") + escape(w);
    return text;
}

}  // namespace

void write_text(std::ostream& out, const DiffReport& r, const TextStyle& style) {
    for (const DiffKey& k : r.keys) {
        if (!out) return;
        out << (k.side == Side::a ? "< " : k.side == Side::b ? "> " : "! ") << escape(k.key);
        if (k.side == Side::both) out << "  " << joined(k.what);
        if (r.values && k.side == Side::both) {
            out << "  " << style.bytes(k.bytes_a) << " / " << style.bytes(k.bytes_b);
        } else if (r.values) {
            out << "  " << style.bytes(k.side == Side::a ? k.bytes_a : k.bytes_b);
        }
        out << '\n';
        for (const std::string& path : k.fields) out << "    " << escape(path) << '\n';
    }
    if (!r.keys.empty()) out << '\n';
    const std::string both = fmt::format(
        "{} at revision {}{}: {} in both, of which {} {};", r.equal() ? "equal" : "different", r.revision_a,
        r.revision_a == r.revision_b ? "" : fmt::format(" of the first and {} of the second", r.revision_b),
        many(r.compared, "key"), group_digits(r.differ), r.differ == 1 ? "differs" : "differ");
    out << in_width(style, both,
                    fmt::format("{} only in the first, {} only in the second", group_digits(r.only_a),
                                group_digits(r.only_b)))
        << '\n';
}

void write_json(std::ostream& out, const DiffReport& r) {
    Json j = summary_json(r);
    j["keys"] = Json::array();
    for (const DiffKey& k : r.keys) j["keys"].push_back(key_json(r, k));
    put_notes(j, r.notes);
    write_document(out, j);
}

void write_jsonl(std::ostream& out, const DiffReport& r) {
    for (const DiffKey& k : r.keys) {
        if (!out) return;
        Json line{{"type", "key"}};
        line.update(key_json(r, k));
        out << line.dump() << '\n';
    }
    Json last{{"type", "summary"}};
    last.update(summary_json(r));
    put_notes(last, r.notes);
    out << last.dump() << '\n';
}

}  // namespace kvctl::report
