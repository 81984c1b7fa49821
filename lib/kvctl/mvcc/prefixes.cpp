#include "kvctl/mvcc/prefixes.hpp"

#include <algorithm>

namespace kvctl::mvcc {

std::string_view prefix_of(std::string_view key) noexcept {
    if (!key.starts_with('/')) return key.substr(0, key.find('/'));
    const std::size_t first = key.find('/', 1);
    const std::size_t second = first == std::string_view::npos ? first : key.find('/', first + 1);
    return second == std::string_view::npos ? key : key.substr(0, second + 1);
}

PrefixTable group_by_prefix(const TreeIndex& index, std::string_view (*prefix)(std::string_view)) {
    constexpr std::uint32_t k_none = 0xFFFFFFFFU;
    PrefixTable result;
    result.of_key.resize(index.key_count());
    std::vector<std::uint32_t> table(1024, k_none);
    const auto place = [&](std::string_view name) {
        std::size_t i = hash_key(name) & (table.size() - 1);
        while (table[i] != k_none && result.names[table[i]] != name) i = (i + 1) & (table.size() - 1);
        return i;
    };
    for (KeyId id = 0; id < index.key_count(); ++id) {
        const std::string_view name = prefix(index.key(id));
        std::size_t i = place(name);
        if (table[i] == k_none) {
            if (result.names.size() * 2 >= table.size()) {
                table.assign(table.size() * 2, k_none);
                for (std::uint32_t n = 0; n < result.names.size(); ++n) table[place(result.names[n])] = n;
                i = place(name);
            }
            table[i] = static_cast<std::uint32_t>(result.names.size());
            result.names.push_back(name);
        }
        result.of_key[id] = table[i];
    }
    return result;
}

PrefixList largest_prefixes(const TreeIndex& index, const CompactionPlan& plan, std::size_t most) {
    const PrefixTable table = group_by_prefix(index, prefix_of);
    std::vector<PrefixUsage> usage(table.names.size());
    for (KeyId id = 0; id < index.key_count(); ++id) {
        if (id == index.marker_key()) continue;
        PrefixUsage& u = usage[table.of_key[id]];
        if (!index.key_index(id).empty()) ++u.keys;
        u.revisions += index.row_count(id);
    }
    index.for_each_block(0, plan.slot_end, [&](const TreeIndex::Columns& c) {
        for (Slot i = 0; i < c.count; ++i) {
            if (c.key[i] >= k_gap_key || c.key[i] == index.marker_key()) continue;
            if (!plan.removed_slots.contains(c.base + i)) continue;
            PrefixUsage& u = usage[table.of_key[c.key[i]]];
            ++u.removed_revisions;
            u.removed_bytes += c.bytes[i];
        }
    });
    std::vector<std::uint32_t> order;
    order.reserve(usage.size());
    for (std::uint32_t i = 0; i < usage.size(); ++i) {
        if (usage[i].revisions != 0) order.push_back(i);
    }
    const std::size_t n = std::min(most, order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), order.end(),
                      [&](std::uint32_t a, std::uint32_t b) {
                          if (usage[a].removed_bytes != usage[b].removed_bytes)
                              return usage[a].removed_bytes > usage[b].removed_bytes;
                          return table.names[a] < table.names[b];
                      });
    PrefixList list{{}, order.size() > n};
    for (std::size_t i = 0; i < n; ++i) {
        list.largest.push_back(std::move(usage[order[i]]));
        list.largest.back().prefix = table.names[order[i]];
    }
    return list;
}

}  // namespace kvctl::mvcc
