#include "kvctl/raftlog/resolver.hpp"

#include <algorithm>
#include <utility>

namespace kvctl::raftlog {
namespace {

using Severity = Finding::Severity;

constexpr std::uint64_t k_unknown_surplus = 63;  // all six bits

std::string text(LogIndex i) {
    return std::to_string(i.value());
}

}  // namespace

Slot::Slot(const raft::EntryView& entry, const Location& at) noexcept
    : index_(entry.index),
      term_(entry.term),
      offset_(at.offset),
      size_(at.size),
      file_(at.file),
      request_(raft::classify(entry)) {
    const std::uint64_t surplus =
        raft::encoded_size(entry) - at.size;  // wraps, and so is unknown, when it is less
    type_ = static_cast<std::uint8_t>(static_cast<std::uint64_t>(entry.type) |
                                      std::min(surplus, k_unknown_surplus) << 2);
}

std::optional<std::uint64_t> Slot::bytes() const noexcept {
    const std::uint64_t surplus = type_ >> 2U;
    return surplus == k_unknown_surplus ? std::nullopt : std::optional(size_ + surplus);
}

std::string place(const std::string& file, std::uint64_t offset) {
    return file + ", offset " + std::to_string(offset);
}

std::optional<LogIndex> Resolver::last_index() const noexcept {
    return slots_.empty() ? std::nullopt : std::optional(slots_.back().index());
}

void Resolver::entry(const Slot& entry, const std::string& file) {
    if (!slots_.empty() && slots_.back().index() >= entry.index()) {
        if (hard_state_ && entry.index() <= hard_state_->commit) {
            findings_.add({Severity::warning, "overwrites-committed", place(file, entry.at().offset),
                           "entry " + text(entry.index()) + " is written again although commit " +
                               text(hard_state_->commit) + " covers it"});
        }
        const auto cut = std::lower_bound(slots_.begin(), slots_.end(), entry.index(),
                                          [](const Slot& s, LogIndex i) { return s.index() < i; });
        slots_.erase(cut, slots_.end());
    }
    slots_.push_back(entry);
}

const Slot* Resolver::find(LogIndex index) const noexcept {
    const auto it = std::lower_bound(slots_.begin(), slots_.end(), index,
                                     [](const Slot& s, LogIndex i) { return s.index() < i; });
    return it != slots_.end() && it->index() == index ? &*it : nullptr;
}

void Resolver::snapshot(const raft::SnapshotMeta& snapshot, const Location& at, const std::string& file) {
    const Slot* const slot = find(snapshot.index);
    if (slot != nullptr && slot->term() != snapshot.term) {
        findings_.add({Severity::error, "snapshot-term-mismatch", place(file, at.offset),
                       "the snapshot record at " + text(snapshot.index) + " has term " +
                           std::to_string(snapshot.term.value()) + ", the entry term " +
                           std::to_string(slot->term().value())});
    }
    snapshots_.push_back(snapshot);
}

std::vector<raft::SnapshotMeta> Resolver::usable_snapshots() const {
    std::vector<raft::SnapshotMeta> out;
    std::copy_if(snapshots_.begin(), snapshots_.end(), std::back_inserter(out),
                 [&](const raft::SnapshotMeta& s) { return !hard_state_ || s.index <= hard_state_->commit; });
    return out;
}

Slots Resolver::finish(Header& header) {
    header.hard_state = hard_state_;
    header.expect_snapshot_record = true;
    const auto lower = [](const raft::SnapshotMeta& a, const raft::SnapshotMeta& b) {
        return a.index < b.index;
    };
    std::vector<raft::SnapshotMeta> usable = usable_snapshots();
    std::stable_sort(usable.begin(), usable.end(), lower);
    if (!usable.empty()) header.newest_snapshot = usable.back();

    // The tail without gaps, which a snapshot must reach: indices ascend, so it begins at the first entry
    // that is as far from the last in the log as in the list.
    std::size_t tail = 0;
    for (std::size_t end = slots_.size(); tail < end;) {
        const std::size_t middle = tail + (end - tail) / 2;
        const std::uint64_t away = slots_.back().index().value() - slots_[middle].index().value();
        if (away == slots_.size() - 1 - middle) {
            end = middle;
        } else {
            tail = middle + 1;
        }
    }
    const auto holds_the_rest = [&](const raft::SnapshotMeta& s) {
        return slots_.empty() ||
               (s.index.value() + 1 >= slots_[tail].index().value() && s.index <= slots_.back().index());
    };
    auto chosen = std::find_if(usable.begin(), usable.end(), holds_the_rest);
    if (slots_.empty() && !usable.empty()) chosen = std::prev(usable.end());
    if (chosen == usable.end()) chosen = usable.begin();
    header.snapshot_stored = chosen != usable.end();
    if (header.snapshot_stored) {
        header.snapshot = {chosen->index, chosen->term};
    } else {
        const std::uint64_t first = slots_.empty() ? 1 : slots_.front().index().value();
        header.snapshot.index = LogIndex{first == 0 ? 0 : first - 1};
        header.snapshot.term = first <= 1 ? std::optional(Term{0}) : std::nullopt;
    }
    snapshots_.clear();
    Slots out = std::exchange(slots_, {});
    out.erase(out.begin(), std::find_if(out.begin(), out.end(),
                                        [&](const Slot& s) { return s.index() > header.snapshot.index; }));
    return out;
}

}  // namespace kvctl::raftlog
