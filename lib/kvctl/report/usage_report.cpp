#include "kvctl/report/usage_report.hpp"

#include <nlohmann/json.hpp>

#include "kvctl/report/json_parts.hpp"

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

bool by_prefix(const DuReport& r) {
    return r.by == "prefix";
}

bool by_bucket(const DuReport& r) {
    return r.by == "bucket";
}

Json bucket_json(const DuReport::Bucket& b) {
    Json j;
    put_key(j, b.name, "name");
    j["keys"] = b.keys;
    j["bytes"] = b.bytes;
    j["pages"] = b.pages;
    return j;
}

// An entry of prefixes, or of the groups that take their place.
Json group_json(const DuReport& r, const mvcc::NamedUsage& n) {
    Json j = named_json(n, by_prefix(r) ? "prefix" : "name");
    const auto old = r.old_values.find(n.name);
    if (old != r.old_values.end()) {
        j["old_values"] = old->second.values;
        j["old_value_bytes"] = old->second.bytes;
    }
    return j;
}

// Entries in the order of the report, whatever they are of.
template <class F>
void each_group(const DuReport& r, F f) {
    for (const DuReport::Bucket& b : r.buckets) f(bucket_json(b));
    if (by_bucket(r)) return;
    for (const mvcc::NamedUsage& n : r.usage->prefixes) f(group_json(r, n));
}

// Old values of a kind that no row's own value is of any more.
Json old_values_json(const DuReport& r) {
    Json all = Json::array();
    for (const auto& [name, old] : r.old_values) {
        Json j;
        put_key(j, name, "name");
        j["old_values"] = old.values;
        j["old_value_bytes"] = old.bytes;
        all.push_back(std::move(j));
    }
    return all;
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
    if (!by_prefix(r)) j["by"] = r.by;
    j[by_prefix(r) ? "prefix_count" : "group_count"] =
        by_bucket(r) ? r.buckets.size() : r.usage->all_prefixes;
    j["key_count"] = r.usage->all_keys;
    if (!by_bucket(r) && r.usage->prefixes.size() < r.usage->all_prefixes)
        j[by_prefix(r) ? "prefixes_truncated" : "groups_truncated"] = true;
    if (!r.old_values.empty()) j["old_values"] = old_values_json(r);
    return j;
}

}  // namespace

void write_json(std::ostream& out, const DuReport& r) {
    Json j = summary(r);
    const char* groups = by_prefix(r) ? "prefixes" : "groups";
    j[groups] = Json::array();
    each_group(r, [&](Json one) { j[groups].push_back(std::move(one)); });
    j["keys"] = Json::array();
    for (const mvcc::NamedUsage& n : r.usage->keys) j["keys"].push_back(named_json(n, "key"));
    put_notes(j, r.notes);
    write_document(out, j);
}

void write_jsonl(std::ostream& out, const DuReport& r) {
    const auto line = [&](const char* what, const Json& content) {
        if (!out) return;
        Json j{{"type", what}};
        j.update(content);
        out << j.dump() << '\n';
    };
    each_group(r, [&](const Json& one) { line(by_prefix(r) ? "prefix" : "group", one); });
    for (const mvcc::NamedUsage& n : r.usage->keys) line("key", named_json(n, "key"));
    Json last{{"type", "summary"}};
    last.update(summary(r));
    put_notes(last, r.notes);
    out << last.dump() << '\n';
}

}  // namespace kvctl::report
