#include "kvctl/raft/storage.hpp"

#include <string>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"

namespace kvctl::raft {
namespace {

[[noreturn]] void refuse(const std::string& what, const MemoryStorage& log) {
    throw Error(ErrorKind::refused,
                log.all().empty()
                    ? fmt::format("raft log: {} is outside the log, which is empty behind index {}", what,
                                  log.last_index())
                    : fmt::format("raft log: {} is outside the log, whose entries are {} to {}", what,
                                  log.first_index(), log.last_index()));
}

}  // namespace

std::string_view text_of(StorageStatus status) noexcept {
    switch (status) {
        case StorageStatus::ok:
            return "";
        case StorageStatus::compacted:
            return "requested index is unavailable due to compaction";
        case StorageStatus::unavailable:
            return "requested entry at index is unavailable";
        case StorageStatus::snapshot_out_of_date:
            return "requested index is older than the existing snapshot";
    }
    return "";
}

MemoryStorage::TermAnswer MemoryStorage::term(LogIndex index) const noexcept {
    if (index < dummy_.index) return {StorageStatus::compacted, {}};
    if (index == dummy_.index) return {StorageStatus::ok, dummy_.term};
    if (index > last_index()) return {StorageStatus::unavailable, {}};
    return {StorageStatus::ok,
            entries_[static_cast<std::size_t>(index.value() - dummy_.index.value() - 1)].term};
}

MemoryStorage::EntriesAnswer MemoryStorage::entries(LogIndex lo, LogIndex hi, std::uint64_t max_size) const {
    if (lo <= dummy_.index) return {StorageStatus::compacted, {}};
    if (hi > last_index() && hi.value() - last_index().value() > 1) {
        refuse(fmt::format("the range end {}", hi), *this);
    }
    if (entries_.empty()) return {StorageStatus::unavailable, {}};
    if (lo > hi) refuse(fmt::format("the range start {}", lo), *this);
    EntriesAnswer answer;
    std::uint64_t size = 0;
    for (std::uint64_t i = lo.value(); i < hi.value(); ++i) {
        const EntryView e = entries_[static_cast<std::size_t>(i - dummy_.index.value() - 1)].view();
        const std::uint64_t n = encoded_size(e);
        if (!answer.entries.empty() && (size > max_size || n > max_size - size)) break;
        size += n;
        answer.entries.push_back(e);
    }
    return answer;
}

void MemoryStorage::append(const std::vector<EntryView>& entries) {
    if (entries.empty()) return;
    for (std::size_t i = 1; i < entries.size(); ++i) {
        if (entries[i].index.value() != entries[0].index.value() + i || entries[i].index.value() == 0) {
            refuse(fmt::format("an entry {} behind entry {}", entries[i].index, entries[i - 1].index), *this);
        }
    }
    if (entries.back().index < first_index()) return;
    std::size_t skip = 0;
    if (entries.front().index < first_index()) {
        skip = static_cast<std::size_t>(first_index().value() - entries.front().index.value());
    }
    const std::uint64_t at = entries[skip].index.value() - first_index().value();
    if (at > entries_.size()) refuse(fmt::format("an append at {}", entries[skip].index), *this);
    entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(at), entries_.end());
    for (std::size_t i = skip; i < entries.size(); ++i) entries_.emplace_back(entries[i]);
}

StorageStatus MemoryStorage::compact(LogIndex index) {
    if (index <= dummy_.index) return StorageStatus::compacted;
    if (index > last_index()) refuse(fmt::format("compact index {}", index), *this);
    const auto n = static_cast<std::ptrdiff_t>(index.value() - dummy_.index.value());
    dummy_ = {index, entries_[static_cast<std::size_t>(n - 1)].term};
    entries_.erase(entries_.begin(), entries_.begin() + n);
    return StorageStatus::ok;
}

StorageStatus MemoryStorage::create_snapshot(LogIndex index, const std::optional<ConfState>& conf_state,
                                             std::string_view data) {
    if (index <= snapshot_.meta.index) return StorageStatus::snapshot_out_of_date;
    const TermAnswer answer = term(index);
    if (answer.status != StorageStatus::ok) refuse(fmt::format("snapshot index {}", index), *this);
    snapshot_.meta = {index, answer.term};
    if (conf_state) snapshot_.conf_state = *conf_state;
    snapshot_.data = data;
    return StorageStatus::ok;
}

StorageStatus MemoryStorage::apply_snapshot(const Snapshot& snapshot) {
    if (snapshot_.meta.index >= snapshot.meta.index) return StorageStatus::snapshot_out_of_date;
    snapshot_ = snapshot;
    dummy_ = snapshot.meta;
    entries_.clear();
    return StorageStatus::ok;
}

}  // namespace kvctl::raft
