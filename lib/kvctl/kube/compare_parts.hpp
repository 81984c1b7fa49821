#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace kvctl::kube {

/// What tells the items of a list from each other, the first of these that they have.
inline constexpr std::array<std::string_view, 5> k_merge_keys{"type", "name", "key", "ip", "containerPort"};

/// An annotation in which leader election keeps its times.
inline constexpr std::string_view k_leader_annotation = "control-plane.alpha.kubernetes.io/leader";

/// How many bytes two texts have in common from the start on.
[[nodiscard]] inline std::size_t common_front(std::string_view a, std::string_view b) noexcept {
    const std::size_t size = std::min(a.size(), b.size());
    std::size_t same = 0;
    constexpr std::size_t k_step = 32;
    while (same + k_step <= size && std::memcmp(a.data() + same, b.data() + same, k_step) == 0)
        same += k_step;
    while (same < size && a[same] == b[same]) ++same;
    return same;
}

/// Things by their key: of a map, or of a list with a merge key.
template <class Value>
using Keyed = std::vector<std::pair<std::string_view, Value>>;

template <class Value>
void sort_by_key(Keyed<Value>& items) {
    const auto less = [](const auto& a, const auto& b) { return a.first < b.first; };
    if (!std::is_sorted(items.begin(), items.end(), less)) std::stable_sort(items.begin(), items.end(), less);
}

template <class Value>
[[nodiscard]] bool has_duplicates(const Keyed<Value>& sorted) {
    return std::adjacent_find(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
               return a.first == b.first;
           }) != sorted.end();
}

/// Calls f(key, before, after) for each key of the two, which are sorted; null where one has it not.
template <class Value, class F>
void for_each_pair(const Keyed<Value>& before, const Keyed<Value>& after, F f) {
    auto b = before.begin();
    auto a = after.begin();
    while (b != before.end() || a != after.end()) {
        if (a == after.end() || (b != before.end() && b->first < a->first)) {
            f(b->first, &b->second, static_cast<const Value*>(nullptr));
            ++b;
        } else if (b == before.end() || a->first < b->first) {
            f(a->first, static_cast<const Value*>(nullptr), &a->second);
            ++a;
        } else {
            f(b->first, &b->second, &a->second);
            ++b;
            ++a;
        }
    }
}

}  // namespace kvctl::kube
