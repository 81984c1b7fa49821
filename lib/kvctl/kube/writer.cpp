#include "kvctl/kube/writer.hpp"

#include <algorithm>
#include <vector>

#include "kvctl/kube/json_text.hpp"

namespace kvctl::kube {
namespace {

constexpr int k_deepest_path = 64;

// Of `after`'s entries those that are newer than in `before`, all without it; few enough to search.
std::vector<const Manager*> newer_entries(const Object& before, const Object& after) {
    std::vector<const Manager*> newer;
    constexpr std::size_t k_most = 64;
    if (before.managers.size() > k_most || after.managers.size() > k_most) return newer;
    for (const Manager& m : after.managers) {
        const auto old = std::find_if(before.managers.begin(), before.managers.end(),
                                      [&](const Manager& o) { return o.same_as(m); });
        if (m.time && (old == before.managers.end() || !old->time || *old->time < *m.time))
            newer.push_back(&m);
    }
    return newer;
}

// Those with the newest time.
std::vector<const Manager*> newest_of(const std::vector<const Manager*>& entries) {
    std::vector<const Manager*> newest;
    for (const Manager* m : entries) {
        if (!m->time) continue;
        if (!newest.empty() && *newest.front()->time < *m->time) newest.clear();
        if (newest.empty() || newest.front()->time == m->time) newest.push_back(m);
    }
    return newest;
}

bool same_name(const std::vector<const Manager*>& entries) {
    return std::all_of(entries.begin(), entries.end(),
                       [&](const Manager* m) { return m->name == entries.front()->name; });
}

bool owns_within(std::string_view fields, std::string_view path, int depth);

// Whether the item of a list that `member` stands for ("k:{"type":"Ready"}", "v:…", "i:0") is that of
// "[type=Ready]".
bool is_item(std::string_view member, std::string_view item) {
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos) return true;
    if (!member.starts_with("k:")) return false;
    std::string storage;
    const std::string keys(json_string(member.substr(2), storage));
    JsonReader reader(keys);
    for (JsonReader::Member m; reader.next_member(m);) {
        std::string text;
        if (m.key == item.substr(0, equals) && json_string(m.value, text) == item.substr(equals + 1))
            return true;
    }
    return false;
}

bool owns_item(const JsonReader::Member& m, std::string_view path, int depth) {
    const std::size_t end = path.find(']');
    if (end == std::string_view::npos || !is_item(m.key, path.substr(1, end - 1))) return false;
    path.remove_prefix(end + 1);
    if (path.starts_with('.')) path.remove_prefix(1);
    return owns_within(m.value, path, depth + 1);
}

bool owns_within(std::string_view fields, std::string_view path, int depth) {
    if (path.empty()) return true;
    if (depth > k_deepest_path || json_kind(fields) != JsonReader::Kind::object) return false;
    JsonReader reader(fields);
    bool any = false;
    for (JsonReader::Member m; reader.next_member(m);) {
        any = any || m.key != ".";
        if (path.front() == '[') {
            if (owns_item(m, path, depth)) return true;
            continue;
        }
        std::string storage;
        const std::string_view name = json_string(m.key, storage);
        if (!name.starts_with("f:") || !path.starts_with(name.substr(2))) continue;
        std::string_view rest = path.substr(name.size() - 2);
        if (!rest.empty() && rest.front() != '.' && rest.front() != '[') continue;
        if (rest.starts_with('.')) rest.remove_prefix(1);
        if (owns_within(m.value, rest, depth + 1)) return true;
    }
    // {}: the whole of it is owned.
    return !any && depth > 0 && !reader.bad();
}

}  // namespace

bool owns_field(std::string_view fields, std::string_view path) {
    return owns_within(fields, path, 0);
}

std::string_view writer_of(const Object* before, const Object& after,
                           std::span<const std::string> changed_paths) {
    if (after.managers.empty()) return after.holder.empty() ? k_unknown_writer : after.holder;
    if (after.managers.size() == 1)
        return after.managers.front().time ? after.managers.front().name : k_unknown_writer;
    std::vector<const Manager*> entries;
    if (before != nullptr) entries = newest_of(newer_entries(*before, after));
    if (entries.empty()) {
        for (const Manager& m : after.managers) entries.push_back(&m);
        entries = newest_of(entries);
    }
    if (entries.empty()) return k_unknown_writer;
    if (same_name(entries)) return entries.front()->name;
    std::vector<const Manager*> owners;
    for (const Manager* m : entries) {
        if (std::any_of(changed_paths.begin(), changed_paths.end(),
                        [&](const std::string& path) { return owns_field(m->fields, path); }))
            owners.push_back(m);
    }
    return !owners.empty() && same_name(owners) ? owners.front()->name : k_unknown_writer;
}

}  // namespace kvctl::kube
