#pragma once
#include <string>
#include <string_view>

namespace kvctl::kube {

/// What a key of the API server's says: "/registry/RESOURCE/[NAMESPACE/]NAME", or with a GROUP before the
/// resource. The first part, the prefix, may be any. Views into the key.
struct KeyPath {
    std::string_view group;       ///< empty: none in the key
    std::string_view resource;    ///< "pods"; as kubectl names it: "nodes", not "minions"
    std::string_view name_space;  ///< what stands between resource and name; empty: nothing
    std::string_view name;

    /// "pods", "applications.argoproj.io".
    [[nodiscard]] std::string full_resource() const;
};

/// By the key alone; all empty where it is none of the API server's ("compact_rev_key", "/bootstrap/…").
[[nodiscard]] KeyPath parse_key(std::string_view key) noexcept;

/// With what the object says of itself, which is trusted before the key: the key must end in the namespace
/// and the name. False, and `path` is as of parse_key(), when it does not.
bool parse_key(std::string_view key, std::string_view name_space, std::string_view name,
               KeyPath& path) noexcept;

}  // namespace kvctl::kube
