#include "kvctl/report/timeline_report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/report/json_parts.hpp"
#include "kvctl/report/spans.hpp"
#include "kvctl/report/table.hpp"
#include "kvctl/report/times_text.hpp"

namespace kvctl::report {
namespace {

Json point_json(const kube::Sample& s) {
    return {{"revision", s.revision.value()}, {"time", kube::format_time(s.time)}};
}

Json answer_json(const TimelineReport::Answer& a) {
    return {{"schema", "kvctl.timeline/1"},
            {"revision", a.revision.value()},
            {"time", kube::format_time(a.time)},
            {"error_seconds", a.error ? Json(seconds_up(*a.error)) : Json(nullptr)}};
}

Json summary_json(const TimelineReport& r) {
    Json j{{"schema", "kvctl.timeline/1"}, {"store", store_json(r.store)}};
    j["samples"] = r.samples;
    j["dropped"] = r.dropped;
    j["oldest"] = point_json(r.points.front());
    j["newest"] = point_json(r.points.back());
    return j;
}

void plot_text(std::ostream& out, const TimelineReport& r, const TextStyle& style) {
    // Before a bar stand a time of 20 columns, a count of 11 and two blanks.
    constexpr std::size_t k_before = 33;
    const std::size_t columns = style.columns == 0 ? 80 : std::max(style.columns, k_before + 10);
    const std::uint64_t width = std::min<std::uint64_t>(columns - k_before, 50);
    std::uint64_t most = 1;
    for (const auto& s : r.stretches) most = std::max(most, s.writes);
    out << "\nwrites in each " << span_text(r.stretch) << " from\n";
    for (const auto& s : r.stretches) {
        std::string count = group_digits(s.writes);
        count.insert(0, 11 - std::min<std::size_t>(count.size(), 11), ' ');
        const auto length = static_cast<std::size_t>((s.writes * width + most - 1) / most);
        out << kube::format_time(s.begin) << count << "  " << std::string(length, '#') << '\n';
    }
}

}  // namespace

void write_text(std::ostream& out, const TimelineReport& r, const TextStyle& style) {
    if (r.answer) {
        out << "revision " << r.answer->revision << ", " << kube::format_time(r.answer->time);
        if (r.answer->error) {
            out << ", give or take " << group_digits(seconds_up(*r.answer->error)) << " s\n";
        } else {
            out << " is the nearest time known: the revision lies outside of all times in the store\n";
        }
        return;
    }
    const kube::Sample& oldest = r.points.front();
    const kube::Sample& newest = r.points.back();
    const std::string times =
        fmt::format("revisions {} to {}: {} to {} ({}),", oldest.revision, newest.revision,
                    kube::format_time(oldest.time), kube::format_time(newest.time),
                    span_text(newest.time.value() - oldest.time.value()));
    const std::string known =
        fmt::format("by {} in values{}", many(r.samples - r.dropped, "time"),
                    r.dropped > 0 ? fmt::format("; {} more do not fit", group_digits(r.dropped)) : "");
    out << in_width(style, times, known) << '\n';
    if (r.plot) {
        plot_text(out, r, style);
        return;
    }
    out << '\n';
    Table table(2);
    table.row({"time", "revision"});
    for (const kube::Sample& s : r.points)
        table.row({kube::format_time(s.time), std::to_string(s.revision.value())});
    table.write(out);
}

void write_json(std::ostream& out, const TimelineReport& r) {
    Json j = r.answer ? answer_json(*r.answer) : summary_json(r);
    if (!r.answer) {
        j["points"] = Json::array();
        for (const kube::Sample& s : r.points) j["points"].push_back(point_json(s));
    }
    put_notes(j, r.notes);
    write_document(out, j);
}

void write_jsonl(std::ostream& out, const TimelineReport& r) {
    if (!r.answer) {
        for (const kube::Sample& s : r.points) {
            Json line{{"type", "point"}};
            line.update(point_json(s));
            out << line.dump() << '\n';
        }
    }
    Json last{{"type", r.answer ? "answer" : "summary"}};
    last.update(r.answer ? answer_json(*r.answer) : summary_json(r));
    put_notes(last, r.notes);
    out << last.dump() << '\n';
}

}  // namespace kvctl::report
