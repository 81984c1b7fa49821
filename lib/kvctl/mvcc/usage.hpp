#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/mvcc/tree_index.hpp"

namespace kvctl::mvcc {

/// Space of some keys: `live` is each key's value as it is now, `history` every other row, tombstones
/// included. Bytes are those of keys and values.
struct Usage {
    std::uint64_t keys = 0;  ///< indexed, deleted ones included
    std::uint64_t live_keys = 0;
    std::uint64_t revisions = 0;
    std::uint64_t tombstones = 0;
    std::uint64_t live_bytes = 0;
    std::uint64_t history_bytes = 0;
    std::uint64_t freed_revisions = 0;  ///< what the plan removes
    std::uint64_t freed_bytes = 0;

    [[nodiscard]] std::uint64_t bytes() const noexcept { return live_bytes + history_bytes; }
    Usage& operator+=(const Usage& other) noexcept;
    friend bool operator==(const Usage&, const Usage&) = default;
};

struct NamedUsage {
    std::string name;  ///< a prefix or a key
    Usage usage;
};

struct UsageRequest {
    enum class Sort { bytes, live, history, freed, revisions, keys, name };

    std::optional<std::size_t> depth{};  ///< components of a prefix; nullopt: as `compact` groups them
    std::string under{};                 ///< only keys that begin so; depth then counts behind it
    std::size_t top = 20;                ///< entries a list; 0: all
    Sort sort = Sort::bytes;
};

struct UsageReport {
    Usage total;
    std::uint64_t gaps = 0;  ///< kine: rows of no key, counted nowhere else
    std::vector<NamedUsage> prefixes;
    std::uint64_t all_prefixes = 0;  ///< how many there are, shown or not
    std::vector<NamedUsage> keys;
    std::uint64_t all_keys = 0;
};

/// Adds up every row under the prefix of its key, largest first.
[[nodiscard]] UsageReport measure_usage(const TreeIndex& index, const CompactionPlan& plan,
                                        const UsageRequest& request);

/// Rows put under names by something else than their keys: a group a row.
struct RowGroups {
    static constexpr std::uint32_t k_none = 0xFFFFFFFFU;  ///< of a row that is added up nowhere

    std::vector<std::uint32_t> of_slot;  ///< by slot; missing ones are k_none
    std::vector<std::string> names;

    [[nodiscard]] std::uint32_t group_of(Slot slot) const noexcept {
        return slot < of_slot.size() ? of_slot[slot] : k_none;
    }
};

/// The same by groups of rows, which take the place of prefixes; a key counts in each group it has rows in,
/// and is live in that of its newest. Depth means nothing here.
[[nodiscard]] UsageReport measure_usage(const TreeIndex& index, const CompactionPlan& plan,
                                        const UsageRequest& request, const RowGroups& groups);

/// The leading part of `key` down to `depth` components, each up to and including its '/'; a '/' in front is
/// no component. Where the key has fewer, the whole of it.
[[nodiscard]] std::string_view prefix_at_depth(std::string_view key, std::size_t depth) noexcept;

}  // namespace kvctl::mvcc
