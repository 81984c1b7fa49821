#include "kvctl/store/target.hpp"

#include <array>
#include <utility>

namespace kvctl::store {
namespace {

constexpr std::array<std::pair<TargetKind, std::string_view>, 4> k_names{
    {{TargetKind::native, "native"},
     {TargetKind::kine, "kine"},
     {TargetKind::bbolt, "bbolt"},
     {TargetKind::snapshot, "snapshot"}}};

}  // namespace

std::string_view name_of(TargetKind kind) noexcept {
    return k_names[static_cast<std::size_t>(kind)].second;
}

std::optional<TargetKind> target_named(std::string_view word) noexcept {
    for (const auto& [kind, name] : k_names) {
        if (name == word) return kind;
    }
    return std::nullopt;
}

}  // namespace kvctl::store
