#include "kvctl/report/html/sections.hpp"

#include <algorithm>
#include <cmath>

#include "kvctl/base/format.hpp"
#include "kvctl/report/html/charts.hpp"

namespace kvctl::report::html {
namespace {

std::string rounded(double n) {
    return n >= 10 ? group_digits(static_cast<std::uint64_t>(std::llround(n))) : decimal(n);
}

void write_plot(std::ostream& out, const TimelineReport& t) {
    constexpr double k_hour = 3600.0 * static_cast<double>(kube::k_second);
    std::vector<double> heights;
    std::vector<std::string> names;
    Rows rows;
    for (const TimelineReport::Stretch& s : t.stretches) {
        const double per_hour = static_cast<double>(s.writes) * k_hour / static_cast<double>(t.stretch);
        heights.push_back(per_hour);
        names.push_back(fmt::format("{}: {} writes an hour", kube::format_time(s.begin), rounded(per_hour)));
        rows.push_back({kube::format_time(s.begin), group_digits(s.writes), rounded(per_hour)});
    }
    out << "<div class=\"pair\"><div>\n";
    const double highest = heights.empty() ? 0 : *std::max_element(heights.begin(), heights.end());
    write_figure(out, "Writes an hour; the highest column is " + rounded(highest), [&] {
        write_columns(out, "Writes an hour over time", heights, names);
        if (!t.stretches.empty()) {
            out << "<div class=\"ends\"><span>" << text(kube::format_time(t.stretches.front().begin))
                << "</span><span>" << text(kube::format_time(t.stretches.back().begin)) << "</span></div>\n";
        }
    });
    out << "</div><div>\n";
    write_table(out, "t-time", "Writes over time, by the times in the objects",
                {{"from"}, {"writes", Kind::number}, {"an hour", Kind::number}}, rows);
    out << "</div></div>\n";
}

void write_writers(std::ostream& out, const ChurnReport& c) {
    constexpr std::size_t k_most = 20;
    if (c.rows.empty()) return;
    Rows rows;
    for (std::size_t i = 0; i < std::min(c.rows.size(), k_most); ++i) {
        const kube::ChurnRow& row = c.rows[i];
        const auto per_hour = c.per_hour(row.writes);
        rows.push_back({shortened(row.name, k_key_shown), group_digits(row.writes),
                        per_hour ? rounded(*per_hour) : "", group_digits(row.no_ops),
                        group_digits(row.heartbeats), format_bytes(row.bytes), group_digits(row.keys)});
    }
    write_table(out, "t-writers", "Who writes, by the managers in the objects",
                {{"manager", Kind::code},
                 {"writes", Kind::number},
                 {"an hour", Kind::number},
                 {"no-ops", Kind::number},
                 {"heartbeats", Kind::number},
                 {"bytes", Kind::number},
                 {"keys", Kind::number}},
                rows);
    rows.clear();
    for (const kube::ChurnField& f : c.fields)
        rows.push_back({shortened(f.path, k_key_shown), group_digits(f.writes)});
    if (rows.empty()) return;
    write_table(out, "t-fields", "Fields that change most", {{"field", Kind::code}, {"writes", Kind::number}},
                rows);
}

}  // namespace

void write_writes(std::ostream& out, const StoreReport& r) {
    open_section(out, "time", "Writes");
    if (r.timeline && !r.timeline->stretches.empty()) {
        write_plot(out, *r.timeline);
    } else {
        out << "<p>There is no clock in this store: no Lease, Event or managed field with a time is readable "
               "in it, so nobody can tell how many writes an hour there were.</p>\n";
    }
    if (r.churn) write_writers(out, *r.churn);
    out << "</section>\n";
}

}  // namespace kvctl::report::html
