#include "kvctl/raft/request_parts.hpp"

namespace kvctl::raft {
namespace {

bool decode(std::string_view message, Range& out) noexcept {
    Fields f(message);
    while (f.next()) {
        switch (f.field()) {
            case 1:
                f.take(out.key);
                break;
            case 2:
                f.take(out.range_end);
                break;
            case 3:
                f.take(out.limit);
                break;
            case 4:
                f.take(out.revision);
                break;
            default:
                break;
        }
    }
    return f.ok();
}

bool decode(std::string_view message, Put& out) noexcept {
    Fields f(message);
    while (f.next()) {
        switch (f.field()) {
            case 1:
                f.take(out.key);
                break;
            case 2:
                f.take(out.value);
                break;
            case 3:
                f.take(out.lease);
                break;
            case 4:
                f.take(out.prev_kv);
                break;
            case 5:
                f.take(out.ignore_value);
                break;
            case 6:
                f.take(out.ignore_lease);
                break;
            default:
                break;
        }
    }
    return f.ok();
}

bool decode(std::string_view message, DeleteRange& out) noexcept {
    Fields f(message);
    while (f.next()) {
        switch (f.field()) {
            case 1:
                f.take(out.key);
                break;
            case 2:
                f.take(out.range_end);
                break;
            case 3:
                f.take(out.prev_kv);
                break;
            default:
                break;
        }
    }
    return f.ok();
}

bool decode(std::string_view message, Compare& out) noexcept {
    Fields f(message);
    std::uint64_t result = 0;
    std::uint64_t target = 0;
    const auto number = [&](Compare::Target arm) {
        f.take(out.number);
        out.operand_of = arm;
    };
    while (f.next()) {
        switch (f.field()) {
            case 1:
                f.take(result);
                break;
            case 2:
                f.take(target);
                break;
            case 3:
                f.take(out.key);
                break;
            case 4:
                number(Compare::Target::version);
                break;
            case 5:
                number(Compare::Target::create);
                break;
            case 6:
                number(Compare::Target::mod);
                break;
            case 7:
                f.take(out.bytes);
                out.operand_of = Compare::Target::value;
                break;
            case 8:
                number(Compare::Target::lease);
                break;
            case 64:
                f.take(out.range_end);
                break;
            default:
                break;
        }
    }
    out.known = result <= 3 && target <= 4;
    if (out.known) {
        out.result = static_cast<Compare::Result>(result);
        out.target = static_cast<Compare::Target>(target);
    }
    return f.ok();
}

bool decode(std::string_view message, Txn& out, int depth);

// A second arm of the same kind is merged into the first, another kind replaces it: protobuf's rule for a
// oneof.
template <class T>
bool decode_arm(std::string_view message, Op& out) {
    if (!std::holds_alternative<T>(out)) out = T{};
    return decode(message, std::get<T>(out));
}

bool decode(std::string_view message, Op& out, int depth) {
    Fields f(message);
    while (f.next()) {
        const std::uint32_t field = f.field();
        if (field < 1 || field > 4) continue;
        const std::string_view arm = f.message();
        if (!f.ok()) return false;
        bool good = true;
        switch (field) {
            case 1:
                good = decode_arm<Range>(arm, out);
                break;
            case 2:
                good = decode_arm<Put>(arm, out);
                break;
            case 3:
                good = decode_arm<DeleteRange>(arm, out);
                break;
            default:
                if (!std::holds_alternative<std::unique_ptr<Txn>>(out)) out = std::make_unique<Txn>();
                good = decode(arm, *std::get<std::unique_ptr<Txn>>(out), depth + 1);
        }
        if (!good) return false;
    }
    return f.ok();
}

bool decode(std::string_view message, Txn& out, int depth) {
    if (depth > k_max_txn_depth) return false;
    Fields f(message);
    while (f.next()) {
        const std::uint32_t field = f.field();
        if (field < 1 || field > 3) continue;
        const std::string_view item = f.message();
        if (!f.ok()) return false;
        if (field == 1) {
            if (!decode(item, out.compare.emplace_back())) return false;
        } else {
            if (!decode(item, (field == 2 ? out.success : out.failure).emplace_back(), depth)) return false;
        }
    }
    return f.ok();
}

bool decode(std::string_view message, Compaction& out) noexcept {
    Fields f(message);
    while (f.next()) {
        if (f.field() == 1) f.take(out.revision);
        if (f.field() == 2) f.take(out.physical);
    }
    return f.ok();
}

bool decode(std::string_view message, LeaseGrant& out) noexcept {
    Fields f(message);
    while (f.next()) {
        if (f.field() == 1) f.take(out.ttl);
        if (f.field() == 2) f.take(out.id);
    }
    return f.ok();
}

bool decode(std::string_view message, LeaseRevoke& out) noexcept {
    Fields f(message);
    while (f.next()) {
        if (f.field() == 1) f.take(out.id);
    }
    return f.ok();
}

bool decode(std::string_view message, Alarm& out) noexcept {
    Fields f(message);
    std::uint64_t action = 0;
    while (f.next()) {
        if (f.field() == 1) f.take(action);
        if (f.field() == 2) f.take(out.member_id);
        if (f.field() == 3) f.take(out.alarm);
    }
    out.action = action <= 2 ? static_cast<Alarm::Action>(action) : Alarm::Action::other;
    return f.ok();
}

bool decode(std::string_view message, ClusterVersionSet& out) noexcept {
    Fields f(message);
    while (f.next()) {
        if (f.field() == 1) f.take(out.version);
    }
    return f.ok();
}

template <class T>
bool decode_body(std::string_view message, Request& out) {
    return decode(message, out.body.emplace<T>());
}

}  // namespace

bool decode_header(std::string_view message, Request& out) noexcept {
    Fields f(message);
    while (f.next()) {
        if (f.field() == 1) f.take(out.id);
        if (f.field() == 2) f.take(out.username);
        if (f.field() == 3) f.take(out.auth_revision);
    }
    return f.ok();
}

bool decode_body(RequestKind kind, std::string_view message, Request& out) {
    switch (kind) {
        case RequestKind::range:
            return decode_body<Range>(message, out);
        case RequestKind::put:
            return decode_body<Put>(message, out);
        case RequestKind::delete_range:
            return decode_body<DeleteRange>(message, out);
        case RequestKind::txn:
            return decode(message, out.body.emplace<Txn>(), 0);
        case RequestKind::compaction:
            return decode_body<Compaction>(message, out);
        case RequestKind::lease_grant:
            return decode_body<LeaseGrant>(message, out);
        case RequestKind::lease_revoke:
            return decode_body<LeaseRevoke>(message, out);
        case RequestKind::alarm:
            return decode_body<Alarm>(message, out);
        case RequestKind::cluster_version_set:
            return decode_body<ClusterVersionSet>(message, out);
        default:
            return true;
    }
}

}  // namespace kvctl::raft
