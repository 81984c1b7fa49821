#include "kvctl/store/cluster.hpp"

#include "kvctl/base/bytes.hpp"

namespace kvctl::store {
namespace {

constexpr std::string_view k_member_row = "member_";

}  // namespace

std::optional<std::uint64_t> id_of_member_row(std::string_view name) noexcept {
    if (!name.starts_with(k_member_row)) return std::nullopt;
    return parse_hex(name.substr(k_member_row.size()));
}

std::vector<std::pair<std::string, std::int64_t>> member_rows(const Cluster& cluster) {
    std::vector<std::pair<std::string, std::int64_t>> rows;
    for (const auto& [id, standing] : cluster.members) {
        rows.emplace_back(std::string(k_member_row) + hex(id), static_cast<std::int64_t>(standing));
    }
    if (!rows.empty())
        rows.emplace_back("members_index", static_cast<std::int64_t>(cluster.members_at.value()));
    return rows;
}

}  // namespace kvctl::store
