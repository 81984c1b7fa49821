#pragma once
#include <string>
#include <string_view>

#include "kvctl/kube/object.hpp"
#include "kvctl/kube/resource.hpp"

namespace kvctl::kube {

/// What writes and space are added up by.
enum class By { key, resource, kind, name_space, manager };

/// Names of what has none.
inline constexpr std::string_view k_no_resource = "(other)";  ///< a key that is none of the API server's
inline constexpr std::string_view k_no_kind = "(unknown)";    ///< a value that is no object
inline constexpr std::string_view k_encrypted_kind = "(encrypted)";
inline constexpr std::string_view k_no_namespace = "(none)";  ///< cluster-wide

/// What a row is added up under, for every By but key and manager; `object` may be one that could not be
/// read. The group is only given where By is kind: it tells kinds of one name apart.
struct Grouped {
    std::string name;
    std::string group;
};
[[nodiscard]] Grouped group_of(By by, std::string_view key, const Object& object);

}  // namespace kvctl::kube
