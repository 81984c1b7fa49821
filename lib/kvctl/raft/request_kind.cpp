#include <array>

#include "kvctl/raft/request_parts.hpp"

namespace kvctl::raft {
namespace {

struct Operation {
    std::uint32_t field;  ///< in InternalRaftRequest
    RequestKind kind;
    std::string_view name;
};

// In the order in which etcd looks for the one that is set.
constexpr std::array k_operations = {
    Operation{1300, RequestKind::cluster_version_set, "cluster_version_set"},
    Operation{1301, RequestKind::cluster_member_attr_set, "cluster_member_attr_set"},
    Operation{1302, RequestKind::downgrade_info_set, "downgrade_info_set"},
    Operation{9900, RequestKind::downgrade_version_test, "downgrade_version_test"},
    Operation{3, RequestKind::range, "range"},
    Operation{4, RequestKind::put, "put"},
    Operation{5, RequestKind::delete_range, "delete_range"},
    Operation{6, RequestKind::txn, "txn"},
    Operation{7, RequestKind::compaction, "compaction"},
    Operation{8, RequestKind::lease_grant, "lease_grant"},
    Operation{9, RequestKind::lease_revoke, "lease_revoke"},
    Operation{11, RequestKind::lease_checkpoint, "lease_checkpoint"},
    Operation{10, RequestKind::alarm, "alarm"},
    Operation{1012, RequestKind::authenticate, "authenticate"},
    Operation{1000, RequestKind::auth_enable, "auth_enable"},
    Operation{1011, RequestKind::auth_disable, "auth_disable"},
    Operation{1013, RequestKind::auth_status, "auth_status"},
    Operation{1100, RequestKind::auth_user_add, "auth_user_add"},
    Operation{1101, RequestKind::auth_user_delete, "auth_user_delete"},
    Operation{1103, RequestKind::auth_user_change_password, "auth_user_change_password"},
    Operation{1104, RequestKind::auth_user_grant_role, "auth_user_grant_role"},
    Operation{1102, RequestKind::auth_user_get, "auth_user_get"},
    Operation{1105, RequestKind::auth_user_revoke_role, "auth_user_revoke_role"},
    Operation{1200, RequestKind::auth_role_add, "auth_role_add"},
    Operation{1203, RequestKind::auth_role_grant_permission, "auth_role_grant_permission"},
    Operation{1202, RequestKind::auth_role_get, "auth_role_get"},
    Operation{1204, RequestKind::auth_role_revoke_permission, "auth_role_revoke_permission"},
    Operation{1201, RequestKind::auth_role_delete, "auth_role_delete"},
    Operation{1106, RequestKind::auth_user_list, "auth_user_list"},
    Operation{1107, RequestKind::auth_role_list, "auth_role_list"},
};
constexpr std::array<std::string_view, 11> k_other_names = {
    "empty",         "conf_change", "v2",     "unknown", "undecodable", "barrier",
    "configuration", "open",        "frames", "undo",    "checkpoint"};

// By field number, for those whose tag is one byte; `unknown` where there is none.
constexpr std::array<RequestKind, 16> k_short_operations = [] {
    std::array<RequestKind, 16> kinds{};
    kinds.fill(RequestKind::unknown);
    for (const Operation& o : k_operations) {
        if (o.field < kinds.size()) kinds[o.field] = o.kind;
    }
    return kinds;
}();

}  // namespace

std::string_view name_of(RequestKind kind) noexcept {
    const auto i = static_cast<std::size_t>(kind);
    if (i < k_other_names.size()) return k_other_names[i];
    for (const Operation& o : k_operations) {
        if (o.kind == kind) return o.name;
    }
    return {};
}

std::optional<RequestKind> request_kind(std::string_view name) noexcept {
    for (std::size_t i = 0; i < k_request_kinds; ++i) {
        if (name_of(static_cast<RequestKind>(i)) == name) return static_cast<RequestKind>(i);
    }
    return std::nullopt;
}

bool is_auth(RequestKind kind) noexcept {
    return kind >= RequestKind::auth_enable && kind <= RequestKind::auth_role_revoke_permission;
}

std::optional<RankedOperation> operation_of_field(std::uint32_t field) noexcept {
    for (std::size_t i = 0; i < k_operations.size(); ++i) {
        if (k_operations[i].field == field) return RankedOperation{i, k_operations[i].kind};
    }
    return std::nullopt;
}

RequestKind operation_of_short_field(unsigned field) noexcept {
    return k_short_operations[field];
}

}  // namespace kvctl::raft
