#include "kvctl/raft/apply.hpp"

#include <algorithm>
#include <array>

#include "kvctl/base/error.hpp"
#include "kvctl/raft/staging.hpp"

namespace kvctl::raft {
namespace {

// A put in either branch, at any depth.
bool holds_put(const Txn& txn) noexcept {
    const auto puts = [](const Op& op) {
        if (const auto* nested = std::get_if<std::unique_ptr<Txn>>(&op)) return holds_put(**nested);
        return std::holds_alternative<Put>(op);
    };
    return std::any_of(txn.success.begin(), txn.success.end(), puts) ||
           std::any_of(txn.failure.begin(), txn.failure.end(), puts);
}

template <class T>
int order_of(const T& a, const T& b) noexcept {
    return a < b ? -1 : a > b ? 1 : 0;
}

bool meets(int order, Compare::Result wanted) noexcept {
    switch (wanted) {
        case Compare::Result::equal:
            return order == 0;
        case Compare::Result::not_equal:
            return order != 0;
        case Compare::Result::greater:
            return order > 0;
        case Compare::Result::less:
            return order < 0;
    }
    return false;
}

std::int64_t number_of(const LiveKey& row, Compare::Target target) noexcept {
    switch (target) {
        case Compare::Target::version:
            return row.version;
        case Compare::Target::create:
            return row.create_revision;
        case Compare::Target::mod:
            return row.main;
        case Compare::Target::lease:
            return row.lease;
        case Compare::Target::value:
            break;
    }
    return 0;
}

// One transaction: conditions, then checks, then the work, each a walk over the branches taken.
class TxnRun {
  public:
    TxnRun(const ApplyState& state, const Applier::ValueReader& values) : state_(state), values_(values) {}

    // Decides every branch, the nested ones of branches taken included, in the order in which the walks meet
    // them.
    void decide(const Txn& txn) {
        const bool success =
            std::all_of(txn.compare.begin(), txn.compare.end(), [&](const Compare& c) { return holds(c); });
        path_.push_back(success);
        for (const Op& op : success ? txn.success : txn.failure) {
            if (const auto* nested = std::get_if<std::unique_ptr<Txn>>(&op)) decide(**nested);
        }
    }

    // `strip`: leave out the ranges of the outermost transaction.
    [[nodiscard]] ApplyError check(const Txn& txn, bool strip) {
        at_ = 0;
        return check_branch(txn, strip);
    }

    void execute(const Txn& txn, Staging& staging) {
        at_ = 0;
        execute_branch(txn, staging);
    }

  private:
    [[nodiscard]] bool holds(const Compare& c) const {
        if (!c.known) throw Error(ErrorKind::refused, "a comparison that this kvctl does not know");
        bool any = false;
        bool all = true;
        each_in(state_.keys, c.key, c.range_end, [&](const auto& entry) {
            any = true;
            all = all && holds(c, entry.first, entry.second);
        });
        if (any) return all;
        // A key that is not there has no value, and 0 for every number.
        return c.target != Compare::Target::value &&
               meets(order_of<std::int64_t>(0, c.operand_number()), c.result);
    }

    [[nodiscard]] bool holds(const Compare& c, std::string_view key, const LiveKey& row) const {
        if (c.target == Compare::Target::value) {
            const std::string value = values_(key, row);
            return meets(order_of(std::string_view(value), c.operand_bytes()), c.result);
        }
        return meets(order_of(number_of(row, c.target), c.operand_number()), c.result);
    }

    [[nodiscard]] const std::vector<Op>& next_branch(const Txn& txn) {
        return path_.at(at_++) ? txn.success : txn.failure;
    }

    [[nodiscard]] ApplyError check_branch(const Txn& txn, bool strip) {
        for (const Op& op : next_branch(txn)) {
            ApplyError error = ApplyError::none;
            if (const auto* put = std::get_if<Put>(&op)) {
                error = check_put(*put, state_);
            } else if (const auto* range = std::get_if<Range>(&op)) {
                if (!strip) error = check_range(*range);
            } else if (const auto* nested = std::get_if<std::unique_ptr<Txn>>(&op)) {
                error = check_branch(**nested, false);
            }
            if (error != ApplyError::none) return error;
        }
        return ApplyError::none;
    }

    [[nodiscard]] ApplyError check_range(const Range& range) const noexcept {
        if (range.revision == 0) return ApplyError::none;
        if (range.revision > state_.current.value()) return ApplyError::future_revision;
        return range.revision < state_.compacted.value() ? ApplyError::compacted : ApplyError::none;
    }

    void execute_branch(const Txn& txn, Staging& staging) {
        for (const Op& op : next_branch(txn)) {
            if (const auto* put = std::get_if<Put>(&op)) {
                if (!staging.put(*put)) {
                    throw Error(ErrorKind::refused,
                                "a put keeps the value or lease of a key that the same transaction deleted; "
                                "a server stops at it");
                }
            } else if (const auto* range = std::get_if<DeleteRange>(&op)) {
                staging.delete_range(range->key, range->range_end);
            } else if (const auto* nested = std::get_if<std::unique_ptr<Txn>>(&op)) {
                execute_branch(**nested, staging);
            }
        }
    }

  public:
    [[nodiscard]] static ApplyError check_put(const Put& put, const ApplyState& state) {
        if (put.lease != 0 && !state.leases.contains(put.lease)) return ApplyError::lease_not_found;
        const bool keeps = put.ignore_value || put.ignore_lease;
        return keeps && !state.keys.contains(put.key) ? ApplyError::key_not_found : ApplyError::none;
    }

  private:
    const ApplyState& state_;
    const Applier::ValueReader& values_;
    std::vector<bool> path_;
    std::size_t at_ = 0;
};

void value_reads(const Txn& txn, const std::function<void(std::string_view, std::string_view)>& f);

void value_reads(const std::vector<Op>& ops,
                 const std::function<void(std::string_view, std::string_view)>& f) {
    for (const Op& op : ops) {
        if (const auto* put = std::get_if<Put>(&op)) {
            if (put->ignore_value) f(put->key, {});
        } else if (const auto* nested = std::get_if<std::unique_ptr<Txn>>(&op)) {
            value_reads(**nested, f);
        }
    }
}

void value_reads(const Txn& txn, const std::function<void(std::string_view, std::string_view)>& f) {
    for (const Compare& c : txn.compare) {
        if (c.target == Compare::Target::value) f(c.key, c.range_end);
    }
    value_reads(txn.success, f);
    value_reads(txn.failure, f);
}

}  // namespace

std::string_view name_of(ApplyError error) noexcept {
    constexpr std::array<std::string_view, k_apply_errors> k_names{"",
                                                                   "lease-not-found",
                                                                   "lease-exists",
                                                                   "lease-ttl-too-large",
                                                                   "key-not-found",
                                                                   "compacted",
                                                                   "future-revision",
                                                                   "no-space",
                                                                   "corrupt"};
    return k_names[static_cast<std::size_t>(error)];
}

void ApplyState::restore(std::string_view key, bool tombstone, const LiveKey& row) {
    const auto known = keys.find(key);
    const auto detach = [&](const std::string& name, std::int64_t id) {
        const auto lease = leases.find(id);
        if (lease != leases.end()) lease->second.keys.erase(name);
    };
    if (known != keys.end() && known->second.lease != 0) detach(known->first, known->second.lease);
    if (tombstone) {
        if (known != keys.end()) keys.erase(known);
        return;
    }
    if (known != keys.end()) {
        known->second = row;
    } else {
        keys.emplace(key, row);
    }
    if (row.lease == 0) return;
    const auto lease = leases.find(row.lease);
    if (lease != leases.end()) lease->second.keys.emplace(key);
}

ApplyError Applier::gate(const Request& request) const noexcept {
    const bool corrupt = state_.alarms.holds(Alarms::k_corrupt, state_.alarm_rule);
    const bool no_space = state_.alarms.holds(Alarms::k_no_space, state_.alarm_rule);
    switch (request.kind) {
        case RequestKind::put:
        case RequestKind::lease_grant:
            if (corrupt) return ApplyError::corrupt;
            return no_space ? ApplyError::no_space : ApplyError::none;
        case RequestKind::txn: {
            if (corrupt) return ApplyError::corrupt;
            const auto* txn = std::get_if<Txn>(&request.body);
            return no_space && txn != nullptr && holds_put(*txn) ? ApplyError::no_space : ApplyError::none;
        }
        case RequestKind::range:
        case RequestKind::delete_range:
        case RequestKind::compaction:
        case RequestKind::lease_revoke:
            return corrupt ? ApplyError::corrupt : ApplyError::none;
        default:
            return ApplyError::none;
    }
}

Applied Applier::apply(const Request& request) {
    Applied out;
    out.error = gate(request);
    if (out.error != ApplyError::none) return out;
    Staging staging(state_, values_);
    if (const auto* put = std::get_if<Put>(&request.body)) {
        out.error = TxnRun::check_put(*put, state_);
        if (out.error != ApplyError::none) return out;
        (void)staging.put(*put);
    } else if (const auto* range = std::get_if<DeleteRange>(&request.body)) {
        staging.delete_range(range->key, range->range_end);
    } else if (const auto* txn = std::get_if<Txn>(&request.body)) {
        TxnRun run(state_, values_);
        run.decide(*txn);
        out.error = run.check(*txn, false);
        if (out.error != ApplyError::none) {
            out.failed_by_range_alone = run.check(*txn, true) == ApplyError::none;
            return out;
        }
        run.execute(*txn, staging);
    } else if (const auto* grant = std::get_if<LeaseGrant>(&request.body)) {
        if (grant->id == 0) {
            out.error = ApplyError::lease_not_found;
        } else if (grant->ttl > k_max_lease_ttl) {
            out.error = ApplyError::lease_ttl_too_large;
        } else if (state_.leases.contains(grant->id)) {
            out.error = ApplyError::lease_exists;
        } else {
            out.granted = LeaseGrant{std::max(grant->ttl, k_min_lease_ttl), grant->id};
            state_.leases[grant->id].ttl = out.granted->ttl;
        }
    } else if (const auto* revoke = std::get_if<LeaseRevoke>(&request.body)) {
        const auto lease = state_.leases.find(revoke->id);
        if (lease == state_.leases.end()) {
            out.error = ApplyError::lease_not_found;
            return out;
        }
        for (const std::string& key : lease->second.keys) staging.delete_range(key, {});
        out.revoked = revoke->id;
    } else if (const auto* compaction = std::get_if<Compaction>(&request.body)) {
        const MainRevision at{compaction->revision};
        if (at <= state_.compacted) {
            out.error = ApplyError::compacted;
        } else if (at > state_.current) {
            out.error = ApplyError::future_revision;
        } else {
            state_.compacted = at;
            out.compaction = at;
        }
    } else if (const auto* alarm = std::get_if<Alarm>(&request.body)) {
        state_.alarms.apply(*alarm);
    }
    commit(staging);
    out.changes = std::move(staging.changes());
    if (out.revoked) state_.leases.erase(*out.revoked);
    return out;
}

void Applier::commit(Staging& staging) {
    for (const auto& [key, row] : staging.touched()) {
        // A key made and deleted by the same request was never there.
        if (row || state_.keys.contains(key)) state_.restore(key, !row, row.value_or(LiveKey{}));
    }
    if (!staging.changes().empty()) state_.current = MainRevision(state_.current.value() + 1);
}

void each_value_read(const Request& request,
                     const std::function<void(std::string_view key, std::string_view range_end)>& f) {
    if (const auto* put = std::get_if<Put>(&request.body)) {
        if (put->ignore_value) f(put->key, {});
    } else if (const auto* txn = std::get_if<Txn>(&request.body)) {
        value_reads(*txn, f);
    }
}

}  // namespace kvctl::raft
