#pragma once
#include <span>
#include <string>
#include <string_view>

#include "kvctl/kube/object.hpp"

namespace kvctl::kube {

/// What a write is put down to where nothing tells.
inline constexpr std::string_view k_unknown_writer = "(unknown)";

/// Who wrote `after`: the manager whose entry is newer than it was in `before`, the newest of these; where
/// none is, the one with the newest entry. Several equally new: the one that owns one of the changed fields.
/// Of a Lease without managers its holder. `before` is null where the row before is not stored. The view
/// lives as long as what `after` was read from.
[[nodiscard]] std::string_view writer_of(const Object* before, const Object& after,
                                         std::span<const std::string> changed_paths);

/// Whether fieldsV1 (JSON: {"f:spec":{"f:replicas":{}}}) holds the field at `path` or one around or below it.
[[nodiscard]] bool owns_field(std::string_view fields, std::string_view path);

}  // namespace kvctl::kube
