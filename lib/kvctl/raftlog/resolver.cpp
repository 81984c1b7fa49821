#include "kvctl/raftlog/resolver.hpp"

#include <algorithm>
#include <utility>

#include "kvctl/base/format.hpp"

namespace kvctl::raftlog {
namespace {

using Severity = Finding::Severity;

}  // namespace

Slot::Slot(const raft::EntryView& entry, const Location& at) noexcept
    : index_(entry.index),
      term_(entry.term),
      offset_(at.offset),
      size_(at.size),
      file_(at.file),
      type_(entry.type),
      request_(raft::classify(entry)) {}

std::string place(const std::string& file, std::uint64_t offset) {
    return fmt::format("{}, offset {}", file, offset);
}

std::optional<LogIndex> Resolver::last_index() const noexcept {
    return slots_.empty() ? std::nullopt : std::optional(slots_.back().index());
}

void Resolver::entry(const Slot& entry, const std::string& file) {
    if (!slots_.empty() && slots_.back().index() >= entry.index()) {
        if (hard_state_ && entry.index() <= hard_state_->commit) {
            findings_.add({Severity::warning, "overwrites-committed", place(file, entry.at().offset),
                           fmt::format("entry {} is written again although commit {} covers it",
                                       entry.index(), hard_state_->commit)});
        }
        const auto cut = std::lower_bound(slots_.begin(), slots_.end(), entry.index(),
                                          [](const Slot& s, LogIndex i) { return s.index() < i; });
        ghosts_.assign(cut, slots_.end());
        slots_.erase(cut, slots_.end());
    }
    while (!ghosts_.empty() && ghosts_.front().index() <= entry.index()) ghosts_.pop_front();
    slots_.push_back(entry);
}

void Resolver::warn_of_ghosts(LogIndex snapshot, std::uint16_t first_file,
                              const std::function<std::string(std::uint16_t)>& file) const {
    // An entry behind the snapshot that was written later cuts them off in that reading too.
    if (slots_.empty() || slots_.back().index() > snapshot) return;
    for (const Slot& s : ghosts_) {
        if (s.index() <= snapshot || s.at().file < first_file) continue;
        findings_.add({Severity::warning, "ghost-entry", place(file(s.at().file), s.at().offset),
                       fmt::format("a server that starts from the snapshot at {} brings entry {} of term {} "
                                   "back, which a later record had cut off",
                                   snapshot, s.index(), s.term())});
    }
}

// A restore writes its cluster's founders and a snapshot right behind them; a server's own comes thousands of
// entries later.
bool Resolver::restored() const noexcept {
    std::size_t founders = 0;
    while (founders < slots_.size() && slots_[founders].index() == LogIndex{founders + 1} &&
           slots_[founders].term() == Term{1} && slots_[founders].type() == raft::EntryType::conf_change)
        ++founders;
    return founders > 0 && records({LogIndex{founders}, Term{1}});
}

const Slot* Resolver::find(LogIndex index) const noexcept {
    const auto it = std::lower_bound(slots_.begin(), slots_.end(), index,
                                     [](const Slot& s, LogIndex i) { return s.index() < i; });
    return it != slots_.end() && it->index() == index ? &*it : nullptr;
}

void Resolver::snapshot(const raft::WalSnapshot& snapshot, const Location& at, const std::string& file) {
    const Slot* const slot = find(snapshot.meta.index);
    if (slot != nullptr && slot->term() != snapshot.meta.term) {
        findings_.add({Severity::error, "snapshot-term-mismatch", place(file, at.offset),
                       fmt::format("the snapshot record at {} has term {}, the entry term {}",
                                   snapshot.meta.index, snapshot.meta.term, slot->term())});
    }
    snapshots_.push_back(snapshot);
}

bool Resolver::records(const raft::SnapshotMeta& snapshot) const noexcept {
    return std::any_of(snapshots_.begin(), snapshots_.end(),
                       [&](const raft::WalSnapshot& s) { return s.meta == snapshot; });
}

std::vector<raft::WalSnapshot> Resolver::usable_snapshots() const {
    std::vector<raft::WalSnapshot> out;
    std::copy_if(
        snapshots_.begin(), snapshots_.end(), std::back_inserter(out),
        [&](const raft::WalSnapshot& s) { return !hard_state_ || s.meta.index <= hard_state_->commit; });
    return out;
}

Slots Resolver::finish(Header& header) {
    header.hard_state = hard_state_;
    header.expect_snapshot_record = true;
    header.restored = restored();
    const std::vector<raft::WalSnapshot> in_log_order = usable_snapshots();
    std::vector<const raft::WalSnapshot*> usable;
    usable.reserve(in_log_order.size());
    for (const raft::WalSnapshot& s : in_log_order) usable.push_back(&s);
    const auto lower = [](const raft::WalSnapshot* a, const raft::WalSnapshot* b) {
        return a->meta.index < b->meta.index;
    };
    std::stable_sort(usable.begin(), usable.end(), lower);
    if (!usable.empty()) header.newest_snapshot = usable.back()->meta;

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
    const auto holds_the_rest = [&](const raft::WalSnapshot* s) {
        return slots_.empty() || (s->meta.index.value() + 1 >= slots_[tail].index().value() &&
                                  s->meta.index <= slots_.back().index());
    };
    auto chosen = std::find_if(usable.begin(), usable.end(), holds_the_rest);
    if (slots_.empty() && !usable.empty()) chosen = std::prev(usable.end());
    if (chosen == usable.end()) chosen = usable.begin();
    header.snapshot_stored = chosen != usable.end();
    if (header.snapshot_stored) {
        header.snapshot = {(*chosen)->meta.index, (*chosen)->meta.term};
        header.members = (*chosen)->conf_state;
    } else {
        const std::uint64_t first = slots_.empty() ? 1 : slots_.front().index().value();
        header.snapshot.index = LogIndex{first == 0 ? 0 : first - 1};
        header.snapshot.term = first <= 1 ? std::optional(Term{0}) : std::nullopt;
    }
    if (header.snapshot.index == LogIndex{0}) header.members.emplace();
    header.members_at = header.snapshot.index;
    snapshots_.clear();
    ghosts_.clear();
    Slots out = std::exchange(slots_, {});
    out.erase(out.begin(), std::find_if(out.begin(), out.end(),
                                        [&](const Slot& s) { return s.index() > header.snapshot.index; }));
    return out;
}

}  // namespace kvctl::raftlog
