#include "kvctl/kube/resource.hpp"

#include <algorithm>

namespace kvctl::kube {
namespace {

// Takes the part in front of the next '/'.
std::string_view take_segment(std::string_view& rest) noexcept {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, slash);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    return part;
}

std::string_view take_last_part(std::string_view& rest) noexcept {
    const std::size_t slash = rest.rfind('/');
    const std::string_view part = slash == std::string_view::npos ? rest : rest.substr(slash + 1);
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(0, slash);
    return part;
}

bool is_group(std::string_view part) noexcept {
    return part.find('.') != std::string_view::npos;
}

// Nodes and services are stored under names of old.
std::string_view renamed(std::string_view resource) noexcept {
    return resource == "minions" ? "nodes" : resource;
}

}  // namespace

std::string KeyPath::full_resource() const {
    std::string full(resource);
    if (!group.empty()) full.append(".").append(group);
    return full;
}

KeyPath parse_key(std::string_view key) noexcept {
    KeyPath path;
    if (!key.starts_with('/')) return path;
    std::string_view rest = key.substr(1);
    (void)take_segment(rest);  // the prefix
    std::string_view resource = take_segment(rest);
    if (rest.empty()) return path;
    if (is_group(resource)) {
        path.group = resource;
        resource = take_segment(rest);
    } else if (resource == "services" && (rest.starts_with("specs/") || rest.starts_with("endpoints/"))) {
        const std::string_view kind = take_segment(rest);
        if (kind == "endpoints") resource = kind;
    }
    if (rest.empty()) return {};
    path.resource = renamed(resource);
    path.name = take_last_part(rest);
    path.name_space = rest;
    return path;
}

bool parse_key(std::string_view key, std::string_view name_space, std::string_view name,
               KeyPath& path) noexcept {
    path = parse_key(key);
    // Objects without a name of their own are stored as well: ranges, master leases.
    if (name.empty() || (path.name == name && path.name_space == name_space)) return true;
    // Under another prefix, of several parts even, the object tells where its resource stands.
    std::string_view rest = key;
    if (key.starts_with("/registry/") || !key.starts_with('/') || take_last_part(rest) != name ||
        (!name_space.empty() && take_last_part(rest) != name_space))
        return false;
    const std::string_view resource = take_last_part(rest);
    if (resource.empty() || rest.empty()) return false;
    path = {{}, renamed(resource), name_space, name};
    const std::string_view before = take_last_part(rest);
    if (resource == "specs" && before == "services") path.resource = before;
    if (is_group(before) && !rest.empty()) path.group = before;
    return true;
}

}  // namespace kvctl::kube
