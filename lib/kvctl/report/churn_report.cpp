#include "kvctl/report/churn_report.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/report/json_parts.hpp"
#include "kvctl/report/spans.hpp"
#include "kvctl/report/table.hpp"

namespace kvctl::report {
namespace {

Json time_json(const std::optional<kube::Time>& time) {
    return time ? Json(kube::format_time(*time)) : Json(nullptr);
}

Json row_json(const ChurnReport& r, const kube::ChurnRow& row) {
    Json j;
    put_key(j, row.name, "name");
    j["writes"] = row.writes;
    j["bytes"] = row.bytes;
    j["keys"] = row.keys;
    j["no_ops"] = row.no_ops;
    j["heartbeats"] = row.heartbeats;
    const auto rate = r.per_hour(row.writes);
    j["per_hour"] = rate ? Json(std::round(*rate * 100) / 100) : Json(nullptr);
    return j;
}

Json field_json(const kube::ChurnField& f) {
    Json j;
    put_key(j, f.path, "path");
    j["writes"] = f.writes;
    return j;
}

Json summary_json(const ChurnReport& r) {
    Json j{{"schema", "kvctl.churn/1"}, {"store", store_json(r.store)}};
    j["window"] = {{"from", r.from.value()},
                   {"to", r.to.value()},
                   {"from_time", time_json(r.from_time)},
                   {"to_time", time_json(r.to_time)}};
    j["by"] = r.by;
    if (!r.under.empty()) put_key(j, r.under, "under");
    Json total = row_json(r, r.total);
    total.erase("name");
    total.erase("name_encoding");
    j["total"] = std::move(total);
    j["row_count"] = r.all_rows;
    return j;
}

std::string rate_text(const std::optional<double>& rate) {
    if (!rate) return "-";
    if (*rate >= 10) return group_digits(static_cast<std::uint64_t>(std::llround(*rate)));
    const auto tenths = static_cast<std::uint64_t>(std::llround(*rate * 10));
    return fmt::format("{}.{}", tenths / 10, tenths % 10);
}

}  // namespace

std::optional<double> ChurnReport::per_hour(std::uint64_t writes) const noexcept {
    if (!from_time || !to_time || *to_time <= *from_time) return std::nullopt;
    constexpr double k_hour = 3600.0 * kube::k_second;
    return static_cast<double>(writes) * k_hour / static_cast<double>(to_time->value() - from_time->value());
}

void write_text(std::ostream& out, const ChurnReport& r, const TextStyle& style) {
    if (r.total.writes == 0) {
        out << "no write" << (r.under.empty() ? "" : " under " + escape(r.under)) << " is stored";
        if (r.from <= r.to) out << " in revisions " << r.from << " to " << r.to;
        out << '\n';
        return;
    }
    const std::string writes =
        fmt::format("{} in revisions {} to {}", many(r.total.writes, "write"), r.from, r.to);
    if (r.from_time && r.to_time) {
        out << in_width(
            style, writes + ',',
            fmt::format("{} to {} ({})", kube::format_time(*r.from_time), kube::format_time(*r.to_time),
                        span_text(r.to_time->value() - r.from_time->value())));
    } else {
        out << writes;
    }
    out << "\n\n";
    Table table(0);
    table.fit(style);
    table.row({r.by, "writes", "an hour", "bytes", "keys", "no-ops", "heartbeats"});
    const auto row = [&](const std::string& name, const kube::ChurnRow& c) {
        table.row({name, group_digits(c.writes), rate_text(r.per_hour(c.writes)), style.bytes(c.bytes),
                   group_digits(c.keys), group_digits(c.no_ops), group_digits(c.heartbeats)});
    };
    for (const kube::ChurnRow& c : r.rows) row(escape(c.name), c);
    row(r.under.empty() ? "total" : "total under " + escape(r.under), r.total);
    table.write(out);
    if (r.rows.size() < r.all_rows)
        out << "(" << group_digits(r.all_rows - r.rows.size()) << " more; --top 0 shows all)\n";
    if (r.fields.empty()) return;
    out << '\n';
    Table fields(0);
    fields.fit(style);
    fields.row({"field", "writes"});
    for (const kube::ChurnField& f : r.fields) fields.row({escape(f.path), group_digits(f.writes)});
    fields.write(out);
}

void write_json(std::ostream& out, const ChurnReport& r) {
    Json j = summary_json(r);
    j["rows"] = Json::array();
    for (const kube::ChurnRow& row : r.rows) j["rows"].push_back(row_json(r, row));
    j["fields"] = Json::array();
    for (const kube::ChurnField& f : r.fields) j["fields"].push_back(field_json(f));
    put_notes(j, r.notes);
    write_document(out, j);
}

void write_jsonl(std::ostream& out, const ChurnReport& r) {
    const auto line = [&](const char* type, const Json& content) {
        if (!out) return;
        Json j{{"type", type}};
        j.update(content);
        out << j.dump() << '\n';
    };
    for (const kube::ChurnRow& row : r.rows) line("row", row_json(r, row));
    for (const kube::ChurnField& f : r.fields) line("field", field_json(f));
    Json last = summary_json(r);
    put_notes(last, r.notes);
    line("summary", last);
}

}  // namespace kvctl::report
