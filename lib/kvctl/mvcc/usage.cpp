#include "kvctl/mvcc/usage.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "kvctl/mvcc/prefixes.hpp"

namespace kvctl::mvcc {
namespace {

std::uint64_t rank(const Usage& u, UsageRequest::Sort sort) noexcept {
    switch (sort) {
        case UsageRequest::Sort::bytes:
            return u.bytes();
        case UsageRequest::Sort::live:
            return u.live_bytes;
        case UsageRequest::Sort::history:
            return u.history_bytes;
        case UsageRequest::Sort::freed:
            return u.freed_bytes;
        case UsageRequest::Sort::revisions:
            return u.revisions;
        case UsageRequest::Sort::keys:
            return u.keys;
        case UsageRequest::Sort::name:
            return 0;
    }
    return 0;
}

struct View {
    std::string_view name;
    const Usage* usage;
};

// Largest first; of two alike the one whose name comes first.
std::vector<NamedUsage> top_of(std::vector<View>& all, const UsageRequest& request) {
    const std::size_t n = request.top == 0 ? all.size() : std::min(request.top, all.size());
    std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n), all.end(),
                      [&](const View& a, const View& b) {
                          const std::uint64_t left = rank(*a.usage, request.sort);
                          const std::uint64_t right = rank(*b.usage, request.sort);
                          return left != right ? left > right : a.name < b.name;
                      });
    std::vector<NamedUsage> top;
    for (std::size_t i = 0; i < n; ++i) top.push_back({std::string(all[i].name), *all[i].usage});
    return top;
}

std::vector<Usage> usage_by_key(const TreeIndex& index, const CompactionPlan& plan, UsageReport& report) {
    std::vector<Usage> usage(index.key_count());
    std::vector<Slot> live(index.key_count(), k_no_slot);
    for (KeyId id = 0; id < index.key_count(); ++id) {
        const KeyIndex key = index.key_index(id);
        if (key.empty() || id == index.marker_key()) continue;
        usage[id].keys = 1;
        if (!key.live()) continue;
        usage[id].live_keys = 1;
        live[id] = key.slot(key.size() - 1);
    }
    index.for_each_block(0, index.slot_end(), [&](const TreeIndex::Columns& c) {
        for (Slot i = 0; i < c.count; ++i) {
            if (c.key[i] == k_gap_key) ++report.gaps;
            if (c.key[i] >= k_gap_key) continue;
            Usage& u = usage[c.key[i]];
            const Slot slot = c.base + i;
            ++u.revisions;
            if (c.tombstone(i)) ++u.tombstones;
            (live[c.key[i]] == slot ? u.live_bytes : u.history_bytes) += c.bytes[i];
            if (plan.removed_slots.contains(slot)) {
                ++u.freed_revisions;
                u.freed_bytes += c.bytes[i];
            }
        }
    });
    return usage;
}

}  // namespace

Usage& Usage::operator+=(const Usage& o) noexcept {
    keys += o.keys;
    live_keys += o.live_keys;
    revisions += o.revisions;
    tombstones += o.tombstones;
    live_bytes += o.live_bytes;
    history_bytes += o.history_bytes;
    freed_revisions += o.freed_revisions;
    freed_bytes += o.freed_bytes;
    return *this;
}

std::string_view prefix_at_depth(std::string_view key, std::size_t depth) noexcept {
    std::size_t at = key.starts_with('/') ? 1 : 0;
    for (; depth > 0; --depth) {
        const std::size_t slash = key.find('/', at);
        if (slash == std::string_view::npos) return key;
        at = slash + 1;
    }
    return key.substr(0, at);
}

UsageReport measure_usage(const TreeIndex& index, const CompactionPlan& plan, const UsageRequest& request,
                          const RowGroups& groups) {
    UsageReport report;
    std::vector<Usage> of_key(index.key_count());
    std::vector<Usage> of_group(groups.names.size());
    std::vector<Slot> live(index.key_count(), k_no_slot);
    std::vector<std::uint32_t> first(index.key_count(), RowGroups::k_none);
    std::unordered_set<std::uint64_t> more;  // key and group, of keys that have rows in several
    for (KeyId id = 0; id < index.key_count(); ++id) {
        const KeyIndex key = index.key_index(id);
        if (key.live()) live[id] = key.slot(key.size() - 1);
    }
    index.for_each_row(0, index.slot_end(), [&](Slot slot) {
        const KeyId id = index.key_of(slot);
        const std::uint32_t group = groups.group_of(slot);
        if (id >= k_gap_key || group == RowGroups::k_none || !index.key(id).starts_with(request.under))
            return;
        Usage row;
        row.revisions = 1;
        row.tombstones = index.is_tombstone(slot) ? 1 : 0;
        row.live_keys = live[id] == slot ? 1 : 0;
        (live[id] == slot ? row.live_bytes : row.history_bytes) = index.bytes_of(slot);
        if (plan.removed_slots.contains(slot)) {
            row.freed_revisions = 1;
            row.freed_bytes = index.bytes_of(slot);
        }
        of_key[id] += row;
        report.total += row;
        if (first[id] == RowGroups::k_none) {
            first[id] = group;
            of_key[id].keys = 1;
            ++report.total.keys;
            row.keys = 1;
        } else if (first[id] != group && more.insert(std::uint64_t{id} << 32 | group).second) {
            row.keys = 1;
        }
        of_group[group] += row;
    });
    std::vector<View> names;
    for (std::size_t g = 0; g < of_group.size(); ++g) {
        if (of_group[g].revisions > 0) names.push_back({groups.names[g], &of_group[g]});
    }
    std::vector<View> keys;
    for (KeyId id = 0; id < index.key_count(); ++id) {
        if (of_key[id].revisions > 0) keys.push_back({index.key(id), &of_key[id]});
    }
    report.all_prefixes = names.size();
    report.all_keys = keys.size();
    report.prefixes = top_of(names, request);
    report.keys = top_of(keys, request);
    return report;
}

UsageReport measure_usage(const TreeIndex& index, const CompactionPlan& plan, const UsageRequest& request) {
    UsageReport report;
    const std::vector<Usage> by_key = usage_by_key(index, plan, report);
    if (!request.under.empty()) report.gaps = 0;
    std::unordered_map<std::string_view, Usage> by_prefix;
    std::vector<View> keys;
    for (KeyId id = 0; id < index.key_count(); ++id) {
        const std::string_view key = index.key(id);
        if (!key.starts_with(request.under)) continue;
        if (id == index.marker_key()) {
            report.total += by_key[id];  // its rows are rows, of no key
            continue;
        }
        std::string_view prefix = prefix_of(key);
        if (request.depth) {
            prefix = prefix_at_depth(key, *request.depth);
        }
        if (!request.under.empty()) {
            const std::string_view rest = key.substr(request.under.size());
            prefix =
                key.substr(0, request.under.size() + prefix_at_depth(rest, request.depth.value_or(1)).size());
        }
        by_prefix[prefix] += by_key[id];
        report.total += by_key[id];
        keys.push_back({key, &by_key[id]});
    }
    std::vector<View> prefixes;
    prefixes.reserve(by_prefix.size());
    for (const auto& [name, usage] : by_prefix) prefixes.push_back({name, &usage});
    report.all_prefixes = prefixes.size();
    report.all_keys = keys.size();
    report.prefixes = top_of(prefixes, request);
    report.keys = top_of(keys, request);
    return report;
}

}  // namespace kvctl::mvcc
