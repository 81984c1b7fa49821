#include "kvctl/report/check_report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/command.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/report/json_parts.hpp"
#include "kvctl/report/table.hpp"

namespace kvctl::report {
namespace {

using Severity = Finding::Severity;

const char* name_of(Severity severity) {
    switch (severity) {
        case Severity::error:
            return "error";
        case Severity::warning:
            return "warning";
        case Severity::info:
            return "info";
    }
    return "info";
}

std::uint64_t count(const CheckReport& r, Severity severity) {
    std::uint64_t n = 0;
    for (const Finding& f : r.findings) n += f.severity == severity ? f.times : 0;
    return n;
}

std::string counted(std::uint64_t n, const char* one, const char* many) {
    return fmt::format("{} {}", group_digits(n), n == 1 ? one : many);
}

// "0.4 s"; tenths are as much as anybody compares.
std::string seconds_text(std::int64_t ms) {
    return fmt::format("{}.{} s", ms / 1000, ms % 1000 / 100);
}

// Each with every field: what does not exist is null.
Json findings_of(const CheckReport& r) {
    Json all = findings_json(r.findings);
    for (std::size_t i = 0; i < r.findings.size(); ++i) {
        if (!r.findings[i].revision) all[i]["revision"] = nullptr;
        if (r.findings[i].times > 1) all[i]["times"] = r.findings[i].times;
    }
    return all;
}

Json summary(const CheckReport& r) {
    Json counts = Json::object();
    for (const auto& [code, n] : r.counts()) counts[code] = n;
    return {{"counts", std::move(counts)},
            {"ok", r.ok()},
            {"checked",
             {{"pages", r.pages},
              {"rows", r.rows},
              {"raft_entries", r.raft_entries ? Json(*r.raft_entries) : Json(nullptr)},
              {"objects", r.objects}}},
            {"duration_ms", r.duration_ms}};
}

}  // namespace

bool CheckReport::ok() const noexcept {
    return std::all_of(findings.begin(), findings.end(),
                       [](const Finding& f) { return f.severity == Severity::info; });
}

std::map<std::string, std::uint64_t> CheckReport::counts() const {
    std::map<std::string, std::uint64_t> all;
    for (const Finding& f : findings) all[f.code] += f.times;
    return all;
}

void write_text(std::ostream& out, const CheckReport& r, const TextStyle& style) {
    for (const Finding& f : r.findings) {
        const Meaning meaning = f.severity == Severity::error     ? Meaning::bad
                                : f.severity == Severity::warning ? Meaning::caution
                                                                  : Meaning::aside;
        out << paint(style, meaning, name_of(f.severity) + std::string(":")) << ' ' << escape(f.code) << ": "
            << (f.where.empty() ? "" : escape(f.where) + ": ") << escape(f.what) << '\n';
    }
    out << escape(r.store.path) << ": " << r.store.layout << " store, ";
    if (r.ok()) {
        out << paint(style, Meaning::good, "sound");
    } else {
        out << paint(style, Meaning::bad,
                     fmt::format("{}, {}", counted(count(r, Severity::error), "error", "errors"),
                                 counted(count(r, Severity::warning), "warning", "warnings")));
    }
    if (const std::uint64_t n = count(r, Severity::info); n > 0) out << "; " << counted(n, "note", "notes");
    out << "\n  checked " << counted(r.pages, "page", "pages") << ", " << counted(r.rows, "row", "rows");
    if (r.raft_entries) out << ", " << counted(*r.raft_entries, "raft entry", "raft entries");
    if (r.objects) out << ", the objects in them";
    out << " in " << seconds_text(r.duration_ms) << '\n';
    // Of a code there are more than are named.
    if (std::any_of(r.findings.begin(), r.findings.end(), [](const Finding& f) { return f.times > 1; }))
        out << "  " << printable(command_on(r.store.path, "check --all")) << " names every one\n";
}

void write_json(std::ostream& out, const CheckReport& r) {
    Json j{{"schema", "kvctl.check/1"}, {"store", store_json(r.store)}, {"findings", findings_of(r)}};
    j.update(summary(r));
    write_document(out, j);
}

void write_jsonl(std::ostream& out, const CheckReport& r) {
    for (const Json& f : findings_of(r)) {
        Json line{{"type", "finding"}};
        line.update(f);
        out << line.dump() << '\n';
    }
    Json line{{"type", "summary"}, {"schema", "kvctl.check/1"}, {"store", store_json(r.store)}};
    line.update(summary(r));
    out << line.dump() << '\n';
}

}  // namespace kvctl::report
