#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "kvctl/raft/entry.hpp"

namespace kvctl::raft {

/// What an entry asks for: a field of etcd's InternalRaftRequest, or one of the cases that are none.
enum class RequestKind : std::uint8_t {
    empty,        ///< no data: a new leader's first entry
    conf_change,  ///< the entry's type says so; its data is a ConfChange
    v2,           ///< a request of the old API (member attributes, cluster version): no effect on keys
    unknown,      ///< well-formed, but no operation this version knows
    undecodable,  ///< malformed
    // Of dqlite's logs.
    barrier,        ///< no effect
    configuration,  ///< the members from here on
    open,           ///< a database is used for the first time
    frames,         ///< pages of a transaction
    undo,           ///< pages that wait for a commit are forgotten
    checkpoint,
    range,
    put,
    delete_range,
    txn,
    compaction,
    lease_grant,
    lease_revoke,
    alarm,
    lease_checkpoint,
    auth_enable,
    auth_disable,
    authenticate,
    auth_status,
    auth_user_add,
    auth_user_delete,
    auth_user_get,
    auth_user_change_password,
    auth_user_grant_role,
    auth_user_revoke_role,
    auth_user_list,
    auth_role_list,
    auth_role_add,
    auth_role_delete,
    auth_role_get,
    auth_role_grant_permission,
    auth_role_revoke_permission,
    cluster_version_set,
    cluster_member_attr_set,
    downgrade_info_set,
    downgrade_version_test,
};
inline constexpr std::size_t k_request_kinds =
    static_cast<std::size_t>(RequestKind::downgrade_version_test) + 1;

/// The name reports use: etcd's field name, or the enumerator's own.
[[nodiscard]] std::string_view name_of(RequestKind kind) noexcept;
/// nullopt for any other word.
[[nodiscard]] std::optional<RequestKind> request_kind(std::string_view name) noexcept;
/// A request of etcd's auth API. What follows auth_enable may be denied by rules kvctl does not model.
[[nodiscard]] bool is_auth(RequestKind kind) noexcept;

struct Range {
    std::string_view key;
    std::string_view range_end;
    std::int64_t limit = 0;
    std::int64_t revision = 0;
};

struct Put {
    std::string_view key;
    std::string_view value;
    std::int64_t lease = 0;
    bool prev_kv = false;
    bool ignore_value = false;
    bool ignore_lease = false;
};

struct DeleteRange {
    std::string_view key;
    std::string_view range_end;  ///< empty: one key; "\0": everything from `key` on
    bool prev_kv = false;
};

/// One condition of a transaction.
struct Compare {
    enum class Result : std::uint8_t { equal = 0, greater = 1, less = 2, not_equal = 3 };
    enum class Target : std::uint8_t { version = 0, create = 1, mod = 2, value = 3, lease = 4 };

    Result result = Result::equal;
    Target target = Target::version;
    bool known = true;  ///< false: result or target is a number etcd does not define
    std::string_view key;
    std::string_view range_end;
    std::optional<Target> operand_of;  ///< which arm of the operand was set last, if any
    std::int64_t number = 0;
    std::string_view bytes;

    /// The operand for a numeric target: 0 when it is missing or stands in another arm.
    [[nodiscard]] std::int64_t operand_number() const noexcept { return operand_of == target ? number : 0; }
    /// The operand for target value: empty when it is missing or stands in another arm.
    [[nodiscard]] std::string_view operand_bytes() const noexcept {
        return operand_of == Target::value && target == Target::value ? bytes : std::string_view{};
    }
};

struct Txn;
/// One operation of a transaction; monostate when none is set.
using Op = std::variant<std::monostate, Range, Put, DeleteRange, std::unique_ptr<Txn>>;

struct Txn {
    std::vector<Compare> compare;
    std::vector<Op> success;
    std::vector<Op> failure;
};

struct Compaction {
    std::int64_t revision = 0;
    bool physical = false;
};

struct LeaseGrant {
    std::int64_t ttl = 0;  ///< seconds
    std::int64_t id = 0;
};

struct LeaseRevoke {
    std::int64_t id = 0;
};

struct Alarm {
    enum class Action : std::uint8_t { get = 0, activate = 1, deactivate = 2, other = 255 };
    Action action = Action::get;
    std::uint64_t member_id = 0;
    std::uint64_t alarm = 0;  ///< 1 NOSPACE, 2 CORRUPT
};

struct ClusterVersionSet {
    std::string_view version;  ///< "3.7.0"
};

/// A decoded entry. Every view points into the entry's data and lives as long as that.
struct Request {
    RequestKind kind = RequestKind::empty;
    std::uint64_t id = 0;
    std::string_view username;  ///< of the request's header; empty without auth
    std::uint64_t auth_revision = 0;
    /// monostate for every kind whose content never reaches the key space.
    std::variant<std::monostate, Range, Put, DeleteRange, Txn, Compaction, LeaseGrant, LeaseRevoke, Alarm,
                 ClusterVersionSet>
        body;
};

/// Transactions nested deeper than this are undecodable; etcd's API accepts far less.
inline constexpr int k_max_txn_depth = 64;

/// Only the kind, from the top-level fields; never allocates. Deeper damage stays unseen.
[[nodiscard]] RequestKind classify(const EntryView& entry) noexcept;

/// The whole request. Malformed data yields kind undecodable and no body.
[[nodiscard]] Request decode_request(const EntryView& entry);

struct ConfChange {
    std::uint64_t id = 0;
    std::uint64_t type = 0;  ///< 0 add node, 1 remove node, 2 update node, 3 add learner
    std::uint64_t node_id = 0;
};
/// The data of an EntryConfChange; nullopt when malformed.
[[nodiscard]] std::optional<ConfChange> decode_conf_change(std::string_view data) noexcept;
/// "ConfChangeAddNode" and so on; "" for a number etcd does not define.
[[nodiscard]] std::string_view conf_change_name(std::uint64_t type) noexcept;

}  // namespace kvctl::raft
