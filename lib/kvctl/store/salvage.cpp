#include "kvctl/store/salvage.hpp"

#include <algorithm>
#include <map>

namespace kvctl::store {

struct IncompleteKeys::Parts {
    struct Hole {
        std::string key;
        std::int64_t from;
        std::int64_t to;
    };
    std::map<std::string, std::int64_t, std::less<>> last;
    std::vector<Hole> holes;
};

IncompleteKeys::IncompleteKeys() : parts_(std::make_unique<Parts>()) {}
IncompleteKeys::~IncompleteKeys() = default;

std::optional<std::int64_t> IncompleteKeys::last(std::string_view key) const {
    const auto found = parts_->last.find(key);
    return found == parts_->last.end() ? std::nullopt : std::optional(found->second);
}

void IncompleteKeys::add(std::string_view key, std::int64_t main, std::optional<std::int64_t> expects) {
    const auto found = parts_->last.find(key);
    if (expects) {
        const std::int64_t from =
            found == parts_->last.end() ? *expects : std::max(*expects, found->second + 1);
        parts_->holes.push_back({std::string(key), from, main});
    }
    if (found == parts_->last.end()) {
        parts_->last.emplace(key, main);
    } else {
        found->second = main;
    }
}

void IncompleteKeys::attach(std::vector<LostRange>& lost) const {
    for (const Parts::Hole& hole : parts_->holes) {
        const auto range = std::find_if(lost.begin(), lost.end(), [&](const LostRange& l) {
            return (!l.from || *l.from <= hole.to) && (!l.to || *l.to >= hole.from);
        });
        if (range == lost.end()) {
            lost.push_back({hole.from, hole.to, {hole.key}});
        } else if (std::find(range->keys.begin(), range->keys.end(), hole.key) == range->keys.end()) {
            range->keys.push_back(hole.key);
        }
    }
}

}  // namespace kvctl::store
