#include "kvctl/raft/commit_watch.hpp"

#include <algorithm>

#include "kvctl/raft/request.hpp"

namespace kvctl::raft {
namespace {

// ConfChange types; on disk, never changed.
constexpr std::uint64_t k_add_node = 0;
constexpr std::uint64_t k_remove_node = 1;
constexpr std::uint64_t k_add_learner = 3;

}  // namespace

CommitWatch::CommitWatch(const Known& known)
    : last_(known.commit),
      member_(known.member),
      members_at_(known.members_at),
      next_(known.members_at.value() + 1) {
    if (known.applied) last_ = std::max(last_.value_or(LogIndex{0}), *known.applied);
    if (!known.members) return;
    voters_.insert(known.members->voters.begin(), known.members->voters.end());
    // In between two configurations the old one has a say too.
    known_ = known.members->voters_outgoing.empty();
}

bool CommitWatch::alone() const noexcept {
    return known_ && member_ && voters_.size() == 1 && *voters_.begin() == *member_;
}

void CommitWatch::follow(const EntryView& entry) {
    if (entry.type == EntryType::normal || entry.index <= members_at_) return;
    const auto change = entry.type == EntryType::conf_change ? decode_conf_change(entry.data) : std::nullopt;
    if (!change) {
        known_ = false;
    } else if (change->type == k_add_node && change->node_id != 0) {
        voters_.insert(change->node_id);
    } else if (change->type == k_remove_node || change->type == k_add_learner) {
        voters_.erase(change->node_id);
    }
}

bool CommitWatch::see(const EntryView& entry) {
    if (entry.index.value() > next_) known_ = false;
    next_ = std::max(next_, entry.index.value() + 1);
    if (!last_ || entry.index > *last_) {
        if (ended_ || !alone()) {
            ended_ = true;
            return false;
        }
        last_ = entry.index;
    }
    follow(entry);
    return true;
}

}  // namespace kvctl::raft
