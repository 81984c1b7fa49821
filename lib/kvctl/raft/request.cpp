#include "kvctl/raft/request.hpp"

#include <array>

#include "kvctl/base/proto.hpp"
#include "kvctl/raft/canonical.hpp"

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
constexpr std::size_t k_none = k_operations.size();

constexpr std::array<std::string_view, 5> k_other_names = {"empty", "conf_change", "v2", "unknown",
                                                           "undecodable"};

std::size_t rank_of(std::uint32_t field) noexcept {
    for (std::size_t i = 0; i < k_operations.size(); ++i) {
        if (k_operations[i].field == field) return i;
    }
    return k_none;
}

// By field number, for those whose tag is one byte; `unknown` where there is none.
constexpr std::array<RequestKind, 16> k_short_operations = [] {
    std::array<RequestKind, 16> kinds{};
    kinds.fill(RequestKind::unknown);
    for (const Operation& o : k_operations) {
        if (o.field < kinds.size()) kinds[o.field] = o.kind;
    }
    return kinds;
}();

// The fields of a message whose wire types must be as the schema says; anything else is malformed, as for
// etcd.
class Fields {
  public:
    explicit Fields(std::string_view message) noexcept : reader_(message) {}
    bool next() noexcept { return ok_ && reader_.next(); }
    [[nodiscard]] std::uint32_t field() const noexcept { return reader_.field(); }
    [[nodiscard]] bool ok() const noexcept { return ok_ && !reader_.bad(); }

    void take(std::string_view& out) noexcept {
        if (expect(2)) out = reader_.bytes();
    }
    void take(std::int64_t& out) noexcept {
        if (expect(0)) out = reader_.signed_number();
    }
    void take(std::uint64_t& out) noexcept {
        if (expect(0)) out = reader_.number();
    }
    void take(bool& out) noexcept {
        if (expect(0)) out = reader_.number() != 0;
    }
    std::string_view message() noexcept { return expect(2) ? reader_.bytes() : std::string_view{}; }
    void fail() noexcept { ok_ = false; }

  private:
    bool expect(int wire_type) noexcept {
        ok_ = ok_ && reader_.wire_type() == wire_type;
        return ok_;
    }
    proto::Reader reader_;
    bool ok_ = true;
};

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

bool decode_header(std::string_view message, Request& out) noexcept {
    Fields f(message);
    while (f.next()) {
        if (f.field() == 1) f.take(out.id);
        if (f.field() == 2) f.take(out.username);
        if (f.field() == 3) f.take(out.auth_revision);
    }
    return f.ok();
}

template <class T>
bool decode_body(std::string_view message, Request& out) {
    return decode(message, out.body.emplace<T>());
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
        default:
            return true;
    }
}

struct TopLevel {
    RequestKind kind = RequestKind::unknown;
    std::string_view body;
    std::string_view header;
    std::uint64_t id = 0;
};

// A request as all of etcd's are, but for those of field numbers above 15: the operation, the header, no
// more.
bool read_canonical(std::string_view data, TopLevel& top) noexcept {
    CanonicalReader r(data);
    unsigned field = 0;
    if (!r.any_bytes(field, top.body)) return false;
    top.kind = k_short_operations[field];
    const bool header = r.take(0xA2) && r.bytes(0x06, top.header);
    return header && r.at_end() && top.kind != RequestKind::unknown;
}

TopLevel read_top_level(const EntryView& entry) noexcept {
    TopLevel top;
    if (entry.type != EntryType::normal) {
        const bool good = entry.type == EntryType::conf_change_v2
                              ? [&] {
                                    proto::Reader r(entry.data);
                                    while (r.next()) {
                                    }
                                    return !r.bad();
                                }()
                              : decode_conf_change(entry.data).has_value();
        top.kind = good ? RequestKind::conf_change : RequestKind::undecodable;
        return top;
    }
    if (entry.data.empty()) {
        top.kind = RequestKind::empty;
        return top;
    }
    if (read_canonical(entry.data, top)) return top;
    top = {};
    std::size_t best = k_none;
    bool v2 = false;
    bool wrong_wire_type = false;
    proto::Reader r(entry.data);
    while (r.next()) {
        if (r.field() == 2) v2 = true;
        if (r.field() == 1) {
            wrong_wire_type = wrong_wire_type || r.wire_type() != 0;
            top.id = r.number();
        } else if (r.field() == 100) {
            wrong_wire_type = wrong_wire_type || r.wire_type() != 2;
            top.header = r.bytes();
        } else if (const std::size_t rank = rank_of(r.field()); rank != k_none) {
            wrong_wire_type = wrong_wire_type || r.wire_type() != 2;
            if (rank <= best) {
                best = rank;
                top.body = r.bytes();
            }
        }
    }
    if (r.bad() || (wrong_wire_type && !v2)) {
        top.kind = RequestKind::undecodable;
    } else if (v2) {
        top.kind = RequestKind::v2;
    } else if (best != k_none) {
        top.kind = k_operations[best].kind;
    }
    return top;
}

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

RequestKind classify(const EntryView& entry) noexcept {
    return read_top_level(entry).kind;
}

Request decode_request(const EntryView& entry) {
    const TopLevel top = read_top_level(entry);
    Request out;
    out.kind = top.kind;
    out.id = top.id;
    const bool good = top.kind <= RequestKind::undecodable ||
                      (decode_header(top.header, out) && decode_body(top.kind, top.body, out));
    if (!good) {
        out = Request{};
        out.kind = RequestKind::undecodable;
    }
    return out;
}

std::optional<ConfChange> decode_conf_change(std::string_view data) noexcept {
    ConfChange c;
    Fields f(data);
    std::string_view context;
    while (f.next()) {
        switch (f.field()) {
            case 1:
                f.take(c.id);
                break;
            case 2:
                f.take(c.type);
                break;
            case 3:
                f.take(c.node_id);
                break;
            case 4:
                f.take(context);
                break;
            default:
                break;
        }
    }
    if (!f.ok()) return std::nullopt;
    return c;
}

std::string_view conf_change_name(std::uint64_t type) noexcept {
    static constexpr std::array<std::string_view, 4> k_names = {
        "ConfChangeAddNode", "ConfChangeRemoveNode", "ConfChangeUpdateNode", "ConfChangeAddLearnerNode"};
    return type < k_names.size() ? k_names[static_cast<std::size_t>(type)] : std::string_view{};
}

}  // namespace kvctl::raft
