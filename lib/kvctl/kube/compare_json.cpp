#include "kvctl/kube/compare_json.hpp"

#include <charconv>

#include "kvctl/kube/times.hpp"

namespace kvctl::kube {
namespace {

using Kind = JsonReader::Kind;

bool is_nothing(std::string_view value) noexcept {
    return value.empty() || value == "null";
}

bool is_empty_object(std::string_view value) noexcept {
    JsonReader reader(value);
    JsonReader::Member m;
    return json_kind(value) == Kind::object && !reader.next_member(m) && !reader.bad();
}

bool same_number(std::string_view a, std::string_view b) noexcept {
    double x = 0;
    double y = 0;
    const auto left = std::from_chars(a.data(), a.data() + a.size(), x);
    const auto right = std::from_chars(b.data(), b.data() + b.size(), y);
    // Beyond 2^53 only the digits tell.
    constexpr double k_exact = 9'007'199'254'740'992;
    return left.ec == std::errc{} && right.ec == std::errc{} && x == y && x < k_exact && x > -k_exact;
}

bool is_timestamp(std::string_view written) {
    constexpr std::size_t k_shortest = 22;  // "2026-11-20T08:00:00Z" and its quotes
    return json_kind(written) == Kind::string && written.size() >= k_shortest && written[11] == 'T' &&
           parse_time(written.substr(1, written.size() - 2));
}

// Maps of texts that belong to people and programs.
bool is_free_map(std::string_view name) noexcept {
    return name == "annotations" || name == "labels" || name == "data" || name == "binaryData" ||
           name == "stringData";
}

}  // namespace

void Comparer::Json::objects(std::string_view before, std::string_view after) {
    if (before == after) return;
    if (json_kind(before) != Kind::object || json_kind(after) != Kind::object) return values(before, after);
    const Items was = items_of(before);
    for_each_pair(was, items_of(after, was),
                  [&](std::string_view key, const std::string_view* b, const std::string_view* a) {
                      const std::string_view left = b != nullptr ? *b : std::string_view();
                      const std::string_view right = a != nullptr ? *a : std::string_view();
                      const Path::Part part(c_.path_, key);
                      leaf_ = key;
                      if (key != "metadata") return values(left, right);
                      if (left == right) return;
                      const Items bs = items_of(left);
                      const Items as = items_of(right, bs);
                      for_each_pair(bs, as, [&](std::string_view name, const auto* x, const auto* y) {
                          if (name == "managedFields" || name == "resourceVersion") return;
                          const Path::Part inner(c_.path_, name);
                          leaf_ = name;
                          values(x != nullptr ? *x : std::string_view(),
                                 y != nullptr ? *y : std::string_view());
                      });
                  });
}

Comparer::Json::Items Comparer::Json::items_of(std::string_view value, const Items& like) {
    Items items;
    if (json_kind(value) != Kind::object) return items;
    items.reserve(like.size());
    JsonReader reader(value);
    const auto next = [&](JsonReader::Member& m) {
        return reader.next_member(
            m, items.size() < like.size() ? like[items.size()].second : std::string_view());
    };
    for (JsonReader::Member m; next(m);) items.emplace_back(m.key, m.value);
    sort_by_key(items);
    return items;
}

void Comparer::Json::values(std::string_view before, std::string_view after) {
    if (before == after || (is_nothing(before) && is_nothing(after))) return;
    if (depth_ == JsonReader::k_deepest) return c_.report(false, before, after);
    ++depth_;
    const Kind b = is_nothing(before) ? Kind::none : json_kind(before);
    const Kind a = is_nothing(after) ? Kind::none : json_kind(after);
    const bool object = (b == Kind::object || b == Kind::none) && (a == Kind::object || a == Kind::none);
    if ((object && !is_empty_object(before) && !is_empty_object(after)) ||
        (b == Kind::object && a == Kind::object)) {
        members(before, after);
    } else if (b == Kind::array && a == Kind::array) {
        arrays(before, after);
    } else {
        scalars(before, after);
    }
    --depth_;
}

void Comparer::Json::members(std::string_view before, std::string_view after) {
    const bool times = times_;
    times_ = times_ && !is_free_map(leaf_);
    const Items was = items_of(before);
    for_each_pair(was, items_of(after, was),
                  [&](std::string_view key, const std::string_view* b, const std::string_view* a) {
                      const Path::Part part(c_.path_, key);
                      leaf_ = key;
                      values(b != nullptr ? *b : std::string_view(), a != nullptr ? *a : std::string_view());
                  });
    times_ = times;
}

bool Comparer::Json::take_merge_keys(const Items& items, std::string_view merge_key, Items& keyed) {
    keyed.clear();
    for (const auto& [unused, value] : items) {
        if (json_kind(value) != Kind::object) return false;
        JsonReader reader(value);
        bool found = false;
        for (JsonReader::Member m; !found && reader.next_member(m);) {
            const Kind kind = json_kind(m.value);
            if (m.key != merge_key || (kind != Kind::string && kind != Kind::number)) continue;
            const bool quoted = kind == Kind::string;
            keyed.emplace_back(quoted ? m.value.substr(1, m.value.size() - 2) : m.value, value);
            found = true;
        }
        if (!found) return false;
    }
    sort_by_key(keyed);
    return !has_duplicates(keyed);
}

bool Comparer::Json::by_merge_key(const Items& before, const Items& after) {
    for (const std::string_view merge_key : k_merge_keys) {
        Items bs;
        Items as;
        if (!take_merge_keys(before, merge_key, bs) || !take_merge_keys(after, merge_key, as)) continue;
        for_each_pair(bs, as,
                      [&](std::string_view key, const std::string_view* b, const std::string_view* a) {
                          const Path::Part part(c_.path_);
                          c_.path_.item(merge_key, key);
                          if (b != nullptr && a != nullptr) return values(*b, *a);
                          c_.report(false, b != nullptr ? *b : std::string_view(),
                                    a != nullptr ? *a : std::string_view());
                      });
        return true;
    }
    return false;
}

void Comparer::Json::arrays(std::string_view before, std::string_view after) {
    const auto elements = [](std::string_view value) {
        Items items;
        JsonReader reader(value);
        for (JsonReader::Member m; reader.next_member(m);) items.emplace_back(std::string_view(), m.value);
        return items;
    };
    const Items bs = elements(before);
    const Items as = elements(after);
    if (by_merge_key(bs, as)) return;
    const Path::Part part(c_.path_);
    c_.path_.item({}, {});
    const std::size_t common = std::min(bs.size(), as.size());
    for (std::size_t i = 0; i < common; ++i) values(bs[i].second, as[i].second);
    if (bs.size() != as.size()) c_.report(false);
}

void Comparer::Json::scalars(std::string_view before, std::string_view after) {
    const Kind b = json_kind(before);
    const Kind a = json_kind(after);
    if (b == Kind::string && a == Kind::string) {
        std::string x;
        std::string y;
        if (json_string(before, x) == json_string(after, y)) return;
    }
    if (b == Kind::number && a == Kind::number && same_number(before, after)) return;
    const bool counted = c_.event_ && b == Kind::number && a == Kind::number &&
                         (leaf_ == "count" || leaf_ == "deprecatedCount");
    c_.report(counted || (times_ && is_timestamp(before) && is_timestamp(after)), before, after);
}

}  // namespace kvctl::kube
