#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvctl/raft/apply.hpp"

// A piece of apply.cpp. Not installed.
namespace kvctl::raft {

/// Calls f(entry) for the entries of an ordered map in [key, range_end): an empty end is the one key, "\0"
/// everything from `key` on.
template <class Map, class F>
void each_in(const Map& map, std::string_view key, std::string_view range_end, F f) {
    if (range_end.empty()) {
        const auto found = map.find(key);
        if (found != map.end()) f(*found);
        return;
    }
    const bool open = range_end == std::string_view("\0", 1);
    if (!open && range_end <= key) return;
    for (auto it = map.lower_bound(key); it != map.end() && (open || it->first < range_end); ++it) f(*it);
}

/// The live keys with one request's changes on top, which count only once they are committed.
class Staging {
  public:
    Staging(const ApplyState& state, const Applier::ValueReader& values)
        : state_(state), values_(values), main_(state.current.value() + 1) {}

    /// A put without its checks. False when it keeps what the key does not have.
    [[nodiscard]] bool put(const Put& request);
    void delete_range(std::string_view key, std::string_view range_end);

    [[nodiscard]] const std::map<std::string, std::optional<LiveKey>, std::less<>>& touched() const noexcept {
        return touched_;
    }
    [[nodiscard]] std::vector<Change>& changes() noexcept { return changes_; }

  private:
    [[nodiscard]] const LiveKey* find(std::string_view key) const;
    [[nodiscard]] std::vector<std::string> keys_in(std::string_view key, std::string_view range_end) const;
    [[nodiscard]] std::string value_of(std::string_view key, const LiveKey& row) const;

    const ApplyState& state_;
    const Applier::ValueReader& values_;
    std::int64_t main_;
    std::map<std::string, std::optional<LiveKey>, std::less<>> touched_;  // nullopt: deleted
    std::vector<Change> changes_;
};

}  // namespace kvctl::raft
