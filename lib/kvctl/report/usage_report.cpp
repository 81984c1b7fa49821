#include "kvctl/report/usage_report.hpp"

#include <nlohmann/json.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/report/json_parts.hpp"
#include "kvctl/report/table.hpp"

namespace kvctl::report {
namespace {

void put_usage(Json& j, const mvcc::Usage& u) {
    j["keys"] = u.keys;
    j["live_keys"] = u.live_keys;
    j["revisions"] = u.revisions;
    j["tombstones"] = u.tombstones;
    j["bytes"] = u.bytes();
    j["live_bytes"] = u.live_bytes;
    j["history_bytes"] = u.history_bytes;
    j["freed_revisions"] = u.freed_revisions;
    j["freed_bytes"] = u.freed_bytes;
}

Json named_json(const mvcc::NamedUsage& n, const char* what) {
    Json j;
    put_key(j, n.name, what);
    put_usage(j, n.usage);
    return j;
}

Json summary(const DuReport& r) {
    Json total = Json::object();
    put_usage(total, r.usage->total);
    if (r.plan->rules.tombstones == mvcc::CompactionRules::Tombstones::kine) total["gaps"] = r.usage->gaps;
    Json j{{"schema", "kvctl.du/1"}, {"store", store_json(r.store)}};
    if (!r.under.empty()) put_key(j, r.under, "under");
    j["target"] = r.plan->target.value();
    j["tombstone_rule"] = name_of(r.plan->rules.tombstones);
    j["total"] = std::move(total);
    j["prefix_count"] = r.usage->all_prefixes;
    j["key_count"] = r.usage->all_keys;
    if (r.usage->prefixes.size() < r.usage->all_prefixes) j["prefixes_truncated"] = true;
    return j;
}

}  // namespace

void write_text(std::ostream& out, const DuReport& r, const TextStyle& style) {
    const auto bytes = [&](std::uint64_t n) {
        return style.raw_bytes ? std::to_string(n) : style.format_bytes(n);
    };
    const std::string freed = "freed at " + std::to_string(r.plan->target.value());
    Table table(0);
    table.row({"prefix", "keys", "revisions", "live", "history", "total", freed});
    const auto row = [&](Table& to, const std::string& name, const mvcc::Usage& u, bool with_keys) {
        std::vector<std::string> cells{
            name.empty() ? "\"\"" : name, grouped(u.keys),  grouped(u.revisions), bytes(u.live_bytes),
            bytes(u.history_bytes),       bytes(u.bytes()), bytes(u.freed_bytes)};
        if (!with_keys) cells.erase(cells.begin() + 1);
        to.row(cells);
    };
    for (const mvcc::NamedUsage& n : r.usage->prefixes) row(table, escape(n.name), n.usage, true);
    row(table, r.under.empty() ? "total" : "total under " + escape(r.under), r.usage->total, true);
    table.write(out);
    if (!style.raw_bytes && r.usage->total.bytes() >= 1024) {
        out << "(exactly " << grouped(r.usage->total.live_bytes) << " live, "
            << grouped(r.usage->total.history_bytes) << " history, " << grouped(r.usage->total.bytes())
            << " total, " << grouped(r.usage->total.freed_bytes) << " freed)\n";
    }
    if (r.usage->prefixes.size() < r.usage->all_prefixes) {
        out << "(" << grouped(r.usage->all_prefixes - r.usage->prefixes.size())
            << " more prefixes; --top 0 shows all)\n";
    }
    if (r.usage->gaps > 0) {
        out << "(and " << grouped(r.usage->gaps) << (r.usage->gaps == 1 ? " gap row" : " gap rows")
            << ", of no key)\n";
    }
    if (r.usage->keys.empty()) return;
    out << '\n';
    Table keys(0);
    keys.row({"key", "revisions", "live", "history", "total", freed});
    for (const mvcc::NamedUsage& n : r.usage->keys) row(keys, escape(n.name), n.usage, false);
    keys.write(out);
    if (r.usage->keys.size() < r.usage->all_keys) {
        out << "(" << grouped(r.usage->all_keys - r.usage->keys.size()) << " more keys)\n";
    }
}

void write_json(std::ostream& out, const DuReport& r) {
    Json j = summary(r);
    j["prefixes"] = Json::array();
    for (const mvcc::NamedUsage& n : r.usage->prefixes) j["prefixes"].push_back(named_json(n, "prefix"));
    j["keys"] = Json::array();
    for (const mvcc::NamedUsage& n : r.usage->keys) j["keys"].push_back(named_json(n, "key"));
    put_notes(j, r.notes);
    write_document(out, j);
}

void write_jsonl(std::ostream& out, const DuReport& r) {
    const auto lines = [&](const std::vector<mvcc::NamedUsage>& all, const char* what) {
        for (const mvcc::NamedUsage& n : all) {
            if (!out) return;
            Json line{{"type", what}};
            line.update(named_json(n, what));
            out << line.dump() << '\n';
        }
    };
    lines(r.usage->prefixes, "prefix");
    lines(r.usage->keys, "key");
    Json last{{"type", "summary"}};
    last.update(summary(r));
    put_notes(last, r.notes);
    out << last.dump() << '\n';
}

}  // namespace kvctl::report
