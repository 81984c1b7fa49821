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

template <class Bytes>
void write_buckets(std::ostream& out, const DuReport& r, const Bytes& bytes) {
    Table table(0);
    table.row({"bucket", "keys", "bytes", "pages", "of the file"});
    DuReport::Bucket all{"total", 0, 0, 0};
    const auto row = [&](const DuReport::Bucket& b) {
        table.row({escape(b.name), grouped(b.keys), bytes(b.bytes),
                   b.pages == 0 ? "inline" : grouped(b.pages), bytes(b.pages * r.store.page_size)});
    };
    for (const DuReport::Bucket& b : r.buckets) {
        row(b);
        all.keys += b.keys;
        all.bytes += b.bytes;
        all.pages += b.pages;
    }
    row(all);
    table.write(out);
    out << "(" << bytes(r.store.file_bytes) << " in the file, "
        << bytes(r.store.free_pages * r.store.page_size) << " of them free)\n";
}

}  // namespace

void write_text(std::ostream& out, const DuReport& r, const TextStyle& style) {
    const auto bytes = [&](std::uint64_t n) {
        return style.raw_bytes ? std::to_string(n) : style.format_bytes(n);
    };
    if (by_bucket(r)) {
        write_buckets(out, r, bytes);
        return;
    }
    const std::string freed = "freed at " + std::to_string(r.plan->target.value());
    Table table(0);
    table.row({r.by, "keys", "revisions", "live", "history", "total", freed});
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
            << (by_prefix(r) ? " more prefixes" : " more") << "; --top 0 shows all)\n";
    }
    for (const auto& [name, old] : r.old_values) {
        out << "(" << grouped(old.values) << (old.values == 1 ? " old value" : " old values") << ", "
            << bytes(old.bytes) << ", of " << escape(name) << ")\n";
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
