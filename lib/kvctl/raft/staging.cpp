#include "kvctl/raft/staging.hpp"

#include <algorithm>

namespace kvctl::raft {

const LiveKey* Staging::find(std::string_view key) const {
    const auto changed = touched_.find(key);
    if (changed != touched_.end()) return changed->second ? &*changed->second : nullptr;
    const auto stored = state_.keys.find(key);
    return stored == state_.keys.end() ? nullptr : &stored->second;
}

std::vector<std::string> Staging::keys_in(std::string_view key, std::string_view range_end) const {
    std::vector<std::string> keys;
    each_in(state_.keys, key, range_end, [&](const auto& entry) {
        if (!touched_.contains(entry.first)) keys.push_back(entry.first);
    });
    const auto middle = static_cast<std::ptrdiff_t>(keys.size());
    each_in(touched_, key, range_end, [&](const auto& entry) {
        if (entry.second) keys.push_back(entry.first);
    });
    std::inplace_merge(keys.begin(), keys.begin() + middle, keys.end());
    return keys;
}

std::string Staging::value_of(std::string_view key, const LiveKey& row) const {
    return row.main == main_ ? changes_.at(static_cast<std::size_t>(row.sub)).value : values_(key, row);
}

bool Staging::put(const Put& request) {
    const LiveKey* const before = find(request.key);
    if (before == nullptr && (request.ignore_value || request.ignore_lease)) return false;
    Change c;
    c.main = main_;
    c.sub = static_cast<std::int64_t>(changes_.size());
    c.key = request.key;
    c.create_revision = before != nullptr ? before->create_revision : main_;
    c.version = before != nullptr ? before->version + 1 : 1;
    c.lease = request.ignore_lease ? before->lease : request.lease;
    c.value = request.ignore_value ? value_of(request.key, *before) : std::string(request.value);
    touched_.insert_or_assign(c.key, LiveKey{c.create_revision, c.version, c.lease, c.main, c.sub});
    changes_.push_back(std::move(c));
    return true;
}

void Staging::delete_range(std::string_view key, std::string_view range_end) {
    for (std::string& doomed : keys_in(key, range_end)) {
        touched_.insert_or_assign(doomed, std::nullopt);
        Change c;
        c.main = main_;
        c.sub = static_cast<std::int64_t>(changes_.size());
        c.tombstone = true;
        c.key = std::move(doomed);
        changes_.push_back(std::move(c));
    }
}

}  // namespace kvctl::raft
