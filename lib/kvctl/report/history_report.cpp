#include "kvctl/report/history_report.hpp"

#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/kube/decode.hpp"
#include "kvctl/kube/story.hpp"
#include "kvctl/report/json_parts.hpp"
#include "kvctl/report/object_text.hpp"
#include "kvctl/report/table.hpp"
#include "kvctl/report/times_text.hpp"

namespace kvctl::report {
namespace {

struct When {
    std::optional<kube::Time> time;
    std::optional<std::int64_t> error;  // microseconds
};

// Revisions in ascending order, each with what the one before it tells.
class Teller {
  public:
    explicit Teller(const HistoryReport& h) : h_(h), story_({h.values, h.reveal_secrets}) {}

    struct Told {
        mvcc::Record record;  // valid until the next one
        kube::Story::Step step;
        When when;
    };
    Told tell(const HistoryRow& row) {
        Told t{h_.record(row.revision), {}, {}};
        t.step = story_.step(t.record);
        if (t.step.time) {
            t.when = {t.step.time, 0};
        } else if (h_.time_around) {
            if (const auto at = h_.time_around(MainRevision(row.revision.main))) {
                t.when = {at->time, at->error};
                t.record = h_.record(row.revision);
            }
        }
        return t;
    }

  private:
    const HistoryReport& h_;
    kube::Story story_;
};

const char* what_of(const Teller::Told& t) {
    if (t.record.tombstone) return "delete";
    if (t.step.created) return "create";
    if (!t.step.verdict) return "put";
    return kube::name_of(*t.step.verdict).data();
}

Json diff_json(const HistoryReport& h, const Teller::Told& t) {
    Json fields = Json::array();
    for (const auto& c : t.step.changes) {
        Json f;
        put_key(f, c.path, "path");
        if (h.values && (!c.before.empty() || !c.after.empty())) {
            const auto json = [](const std::string& text) {
                const Json j = Json::parse(text, nullptr, false);
                return j.is_discarded() ? Json(nullptr) : j;
            };
            f["before"] = json(c.before);
            f["after"] = json(c.after);
        }
        fields.push_back(std::move(f));
    }
    Json j{{"what", what_of(t)}, {"writer", nullptr}, {"fields", std::move(fields)}};
    if (!t.record.tombstone) put_key(j, t.step.writer, "writer");
    return j;
}

bool is_secret(const mvcc::Record& r) {
    return !r.tombstone && kube::is_secret(r.key, kube::detect_encoding(r.value));
}

Json revision_json(const HistoryReport& h, const HistoryRow& row, Teller& teller) {
    const Teller::Told t = teller.tell(row);
    const mvcc::Record& r = t.record;
    Json j{{"main", row.revision.main}, {"sub", row.revision.sub}, {"tombstone", r.tombstone}};
    if (!r.tombstone) {
        j["create_revision"] = r.create_revision;
        if (h.versions) j["version"] = r.version;
        if (r.lease != 0) j["lease"] = hex(static_cast<std::uint64_t>(r.lease));
    }
    j["bytes"] = row.bytes;
    put_time(j, t.when.time, t.when.error);
    const bool hidden = h.values && !h.decode && !h.reveal_secrets && is_secret(r);
    if ((h.values || h.decode) && !h.diff && !hidden)
        j["value"] = r.tombstone ? Json(nullptr) : Json(base64_encode(r.value));
    if (h.decode && !r.tombstone) put_object(j, r, h.reveal_secrets);
    if (h.diff) j["diff"] = diff_json(h, t);
    return j;
}

// `"name": [` one revision a line `]`.
void write_revisions(std::ostream& out, const HistoryReport& h, const std::vector<HistoryRow>& rows,
                     const char* indent, Teller& teller) {
    out << "\"revisions\": [";
    const char* separator = "\n";
    for (const HistoryRow& r : rows) {
        if (!out) return;
        out << separator << indent << revision_json(h, r, teller).dump();
        separator = ",\n";
    }
    out << "]";
}

// What a table has no room for: a line each.
void diff_text(std::ostream& out, const HistoryReport& h, const Teller::Told& t) {
    for (const auto& c : t.step.changes) {
        out << "      " << escape(c.path);
        if (h.values && (!c.before.empty() || !c.after.empty())) {
            const auto side = [](const std::string& text) {
                return text.empty() ? "(none)" : printable(text);
            };
            out << ": " << side(c.before) << " -> " << side(c.after);
        }
        out << '\n';
    }
}

void diffs_text(std::ostream& out, const HistoryReport& h, const std::vector<HistoryRow>& rows,
                Teller& teller) {
    for (const HistoryRow& row : rows) {
        if (!out) return;
        const Teller::Told t = teller.tell(row);
        out << "    " << to_string(row.revision) << "  " << time_text(t.when.time, t.when.error) << "  "
            << what_of(t);
        if (!t.record.tombstone) out << " by " << escape(t.step.writer);
        out << '\n';
        diff_text(out, h, t);
    }
}

void rows_text(std::ostream& out, const HistoryReport& h, const std::vector<HistoryRow>& rows,
               const TextStyle& style, Teller& teller) {
    if (h.diff) return diffs_text(out, h, rows, teller);
    std::vector<std::vector<std::string>> lines{{"revision", "", "version", "bytes", "lease", "time"}};
    bool times = false;
    for (const HistoryRow& row : rows) {
        const Teller::Told t = teller.tell(row);
        const mvcc::Record& r = t.record;
        times = times || t.when.time;
        lines.push_back({to_string(row.revision), r.tombstone ? "tombstone" : "put",
                         r.tombstone ? "-" : std::to_string(r.version), style.bytes(row.bytes),
                         r.lease == 0 ? "-" : hex(static_cast<std::uint64_t>(r.lease)),
                         time_text(t.when.time, t.when.error)});
    }
    Table table(4);
    table.left_columns(2);
    for (std::vector<std::string>& cells : lines) {
        if (!times) cells.pop_back();
        if (!h.versions) cells.erase(cells.begin() + 2);
        table.row(std::move(cells));
    }
    table.write(out);
    if (!h.values && !h.decode) return;
    for (const HistoryRow& row : rows) {
        if (!out) return;
        const mvcc::Record r = h.record(row.revision);
        if (r.tombstone) continue;
        if (h.decode) {
            out << "    " << to_string(row.revision) << ":\n";
            write_object_text(out, r, h.reveal_secrets, 6);
        } else if (!h.reveal_secrets && is_secret(r)) {
            out << "    " << to_string(row.revision) << ": " << many(r.value.size(), "byte")
                << " of a Secret, shown with --reveal-secrets\n";
        } else {
            out << "    " << to_string(row.revision) << " = " << escape(r.value) << '\n';
        }
    }
}

}  // namespace

void write_text(std::ostream& out, const HistoryReport& h, const TextStyle& style) {
    out << escape(h.key) << ": ";
    if (h.generations.empty() && h.unindexed.empty()) {
        out << "no revision is stored\n";
        return;
    }
    out << (h.live ? "live" : "deleted") << ", " << many(h.generations.size(), "generation") << '\n';
    std::size_t n = 0;
    Teller teller(h);
    for (const HistoryGeneration& g : h.generations) {
        out << "\n  generation " << ++n << ", created " << to_string(g.created);
        if (h.versions) out << ", " << many(static_cast<std::uint64_t>(g.version), "change");
        const std::uint64_t stored = g.rows.size();
        if (h.versions && static_cast<std::uint64_t>(g.version) > stored)
            out << ", " << group_digits(stored) << " stored";
        out << '\n';
        rows_text(out, h, g.rows, style, teller);
    }
    if (!h.unindexed.empty()) {
        out << "\n  rows outside of any generation, which etcd's index does not know\n";
        Teller apart(h);
        rows_text(out, h, h.unindexed, style, apart);
    }
}

void write_json(std::ostream& out, const HistoryReport& h) {
    Json head = Json::object();
    put_key(head, h.key);
    head["live"] = h.live;
    out << "{\n  \"schema\": \"kvctl.history/1\"";
    write_members(out, head, ",\n  ");
    out << ",\n  \"generations\": [";
    const char* separator = "\n";
    Teller teller(h);
    for (const HistoryGeneration& g : h.generations) {
        out << separator << "    {\"created\": " << revision_pair(g.created).dump();
        out << ", \"version\": " << g.version << ", ";
        write_revisions(out, h, g.rows, "      ", teller);
        out << "}";
        separator = ",\n";
    }
    out << "],\n  \"unindexed\": {";
    Teller apart(h);
    write_revisions(out, h, h.unindexed, "    ", apart);
    Json tail = Json::object();
    put_notes(tail, h.notes);
    out << "}";
    write_members(out, tail, ",\n  ");
    out << "\n}\n";
}

void write_jsonl(std::ostream& out, const HistoryReport& h) {
    Json summary{{"type", "summary"}, {"schema", "kvctl.history/1"}};
    put_key(summary, h.key);
    summary["live"] = h.live;
    summary["generations"] = Json::array();
    std::uint64_t n = 0;
    const auto lines = [&](const std::vector<HistoryRow>& rows, const Json& generation, Teller& teller) {
        for (const HistoryRow& r : rows) {
            if (!out) return;
            Json line{{"type", "revision"}, {"generation", generation}};
            line.update(revision_json(h, r, teller));
            out << line.dump() << '\n';
        }
    };
    Teller teller(h);
    for (const HistoryGeneration& g : h.generations) {
        lines(g.rows, ++n, teller);
        summary["generations"].push_back(
            {{"created", revision_pair(g.created)}, {"version", g.version}, {"stored", g.rows.size()}});
    }
    Teller apart(h);
    lines(h.unindexed, nullptr, apart);
    summary["unindexed"] = h.unindexed.size();
    put_notes(summary, h.notes);
    out << summary.dump() << '\n';
}

}  // namespace kvctl::report
