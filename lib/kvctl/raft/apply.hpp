#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kvctl/base/strong.hpp"
#include "kvctl/raft/alarms.hpp"
#include "kvctl/raft/request.hpp"

namespace kvctl::raft {

/// What is remembered of a key that exists: the numbers of its newest revision, never its value.
struct LiveKey {
    std::int64_t create_revision = 0;
    std::int64_t version = 0;
    std::int64_t lease = 0;
    std::int64_t main = 0;  ///< of its newest revision
    std::int64_t sub = 0;
    friend bool operator==(const LiveKey&, const LiveKey&) = default;
};
using LiveKeys = std::map<std::string, LiveKey, std::less<>>;

struct LiveLease {
    std::int64_t ttl = 0;
    std::set<std::string, std::less<>> keys;  ///< attached
    friend bool operator==(const LiveLease&, const LiveLease&) = default;
};

/// All that decides what a request does to a store. Memory grows with the live keys, not with their values.
struct ApplyState {
    LiveKeys keys;
    std::map<std::int64_t, LiveLease> leases;
    Alarms alarms;
    AlarmRule alarm_rule = AlarmRule::by_set;
    MainRevision current{1};
    MainRevision compacted{-1};  ///< as last asked for, carried out or not

    /// A row of a store, in revision order: how the state is rebuilt. Leases go in before.
    void restore(std::string_view key, bool tombstone, const LiveKey& row);
};

/// One row that a request writes.
struct Change {
    std::int64_t main = 0;
    std::int64_t sub = 0;
    bool tombstone = false;
    std::string key;
    std::int64_t create_revision = 0;
    std::int64_t version = 0;
    std::int64_t lease = 0;
    std::string value;
    friend bool operator==(const Change&, const Change&) = default;
};

/// Why a request changed nothing.
enum class ApplyError : std::uint8_t {
    none,
    lease_not_found,
    lease_exists,
    lease_ttl_too_large,
    key_not_found,    ///< a put that keeps a value or lease the key does not have
    compacted,        ///< a compaction, or a read in a transaction, at a revision that is gone
    future_revision,  ///< the same, above the current one
    no_space,         ///< a NOSPACE alarm is on
    corrupt,          ///< a CORRUPT alarm is on
};
inline constexpr std::size_t k_apply_errors = static_cast<std::size_t>(ApplyError::corrupt) + 1;
/// "lease-not-found" and so on; "" for none.
[[nodiscard]] std::string_view name_of(ApplyError error) noexcept;

/// What one request came to.
struct Applied {
    ApplyError error = ApplyError::none;
    std::vector<Change> changes;  ///< all of one main revision, subs from 0
    std::optional<LeaseGrant> granted;
    std::optional<std::int64_t> revoked;
    std::optional<MainRevision> compaction;  ///< accepted: to be scheduled and carried out
    /// The transaction failed for the revision of a range alone: servers up to 3.6 that apply it without a
    /// waiting client drop such ranges, and there it succeeds.
    bool failed_by_range_alone = false;
};

/// Shortest lease a server with default timeouts grants, in seconds; shorter ones are raised to it.
inline constexpr std::int64_t k_min_lease_ttl = 2;
inline constexpr std::int64_t k_max_lease_ttl = 9'000'000'000;

/// etcd's apply path without its server: requests in log order go in, rows come out.
///
/// A request is applied as a whole or not at all. The conditions of a transaction and of those nested in it
/// look at the state before it; a put that keeps a value and a range delete see what the transaction did
/// before them.
class Applier {
  public:
    /// Fetches the value of a live key's newest revision.
    using ValueReader = std::function<std::string(std::string_view key, const LiveKey& row)>;

    Applier(ApplyState state, ValueReader values) : state_(std::move(state)), values_(std::move(values)) {}

    /// Throws refused where a server gives up: a comparison that etcd does not define, a put that keeps the
    /// value of a key that the same transaction deleted. What `values` throws comes out as it is; the state
    /// is then as before.
    [[nodiscard]] Applied apply(const Request& request);

    [[nodiscard]] const ApplyState& state() const noexcept { return state_; }

  private:
    [[nodiscard]] ApplyError gate(const Request& request) const noexcept;
    void commit(class Staging& staging);

    ApplyState state_;
    ValueReader values_;
};

/// Calls f(key) for every comparison of values and every put that keeps a value, with key and range end: what
/// a request may read of the store beyond the numbers.
void each_value_read(const Request& request,
                     const std::function<void(std::string_view key, std::string_view range_end)>& f);

}  // namespace kvctl::raft
