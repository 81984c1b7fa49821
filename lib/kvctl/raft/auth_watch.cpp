#include "kvctl/raft/auth_watch.hpp"

#include <string_view>

#include "kvctl/base/proto.hpp"

namespace kvctl::raft {
namespace {

constexpr std::string_view k_root = "root";

// The two first strings of the operation at `field` of an InternalRaftRequest: all that matters of a user or
// role request.
struct Names {
    std::string_view first;
    std::string_view second;
};

Names names_in(std::string_view request, std::uint32_t field) noexcept {
    Names names;
    for (proto::Reader outer(request); outer.next();) {
        if (outer.field() != field || outer.wire_type() != 2) continue;
        for (proto::Reader inner(outer.bytes()); inner.next();) {
            if (inner.wire_type() != 2) continue;
            if (inner.field() == 1) names.first = inner.bytes();
            if (inner.field() == 2) names.second = inner.bytes();
        }
    }
    return names;
}

}  // namespace

void AuthWatch::follow_root(const EntryView& entry, RequestKind kind) {
    switch (kind) {
        case RequestKind::auth_user_add:
            if (names_in(entry.data, 1100).first == k_root) root_user_ = true;
            break;
        case RequestKind::auth_user_delete:
            if (names_in(entry.data, 1101).first == k_root) root_user_ = root_granted_ = false;
            break;
        case RequestKind::auth_user_grant_role: {
            const Names n = names_in(entry.data, 1104);
            if (n.first == k_root && n.second == k_root && root_user_) root_granted_ = true;
            break;
        }
        case RequestKind::auth_user_revoke_role: {
            const Names n = names_in(entry.data, 1105);
            if (n.first == k_root && n.second == k_root) root_granted_ = false;
            break;
        }
        case RequestKind::auth_role_add:
            if (names_in(entry.data, 1200).first == k_root) root_role_ = true;
            break;
        case RequestKind::auth_role_delete:
            // Root's role can be granted without being there; only one that is there can be deleted.
            if (names_in(entry.data, 1201).first == k_root && root_role_) root_role_ = root_granted_ = false;
            break;
        default:
            break;
    }
}

void AuthWatch::see(const EntryView& entry, const Request& request) {
    if (request.kind == RequestKind::auth_disable) {
        if (request.username == k_root) enabled_by_.reset();
        return;
    }
    // Only a server that checks permissions writes who asked.
    if (!enabled_by_ && (!request.username.empty() || request.auth_revision != 0)) enabled_by_ = entry.index;
    if (request.kind == RequestKind::auth_enable) {
        if (!enabled_by_ && (!whole_ || root_granted_)) enabled_by_ = entry.index;
        return;
    }
    if (!enabled_by_) follow_root(entry, request.kind);
}

}  // namespace kvctl::raft
