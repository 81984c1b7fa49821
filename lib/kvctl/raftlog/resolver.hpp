#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/raft/layout.hpp"
#include "kvctl/raftlog/source.hpp"

namespace kvctl::raftlog {

/// Where an entry's record lies: bytes [offset, offset + size) of file number `file`.
struct Location {
    std::uint64_t offset = 0;
    std::uint32_t size = 0;
    std::uint16_t file = 0;
};

/// One entry of a resolved log in 32 bytes; its data stays in the file. `at` is where its message lies, whose
/// size is what its writer made of it: etcd from 3.7 on leaves a type of 0 out.
class Slot {
  public:
    Slot(const raft::EntryView& entry, const Location& at) noexcept;

    [[nodiscard]] LogIndex index() const noexcept { return index_; }
    [[nodiscard]] Term term() const noexcept { return term_; }
    [[nodiscard]] Location at() const noexcept { return {offset_, size_, file_}; }
    [[nodiscard]] raft::EntryType type() const noexcept { return type_; }
    [[nodiscard]] raft::RequestKind request() const noexcept { return request_; }
    /// The size of the encoded message.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return size_; }

  private:
    LogIndex index_;
    Term term_;
    std::uint64_t offset_ = 0;
    std::uint32_t size_ = 0;
    std::uint16_t file_ = 0;
    raft::EntryType type_ = raft::EntryType::normal;
    raft::RequestKind request_ = raft::RequestKind::empty;
};
static_assert(sizeof(Slot) <= 32);
using Slots = std::deque<Slot>;  ///< grows without ever being copied

/// Turns a journal's records, in the order they were written, into the log they amount to: an entry replaces
/// the stored one of its index and cuts off everything behind it, the last hard state wins, and the log
/// begins behind the oldest snapshot record from which every entry is still there.
class Resolver {
  public:
    explicit Resolver(FindingLog& findings) : findings_(findings) {}

    /// `where` names the record in findings.
    void entry(const Slot& entry, const std::string& file);
    void hard_state(const raft::HardState& state) { hard_state_ = state; }
    void snapshot(const raft::WalSnapshot& snapshot, const Location& at, const std::string& file);

    [[nodiscard]] std::optional<LogIndex> last_index() const noexcept;
    [[nodiscard]] bool records(const raft::SnapshotMeta& snapshot) const noexcept;
    [[nodiscard]] const std::optional<raft::HardState>& hard() const noexcept { return hard_state_; }

    /// Snapshot records a server may start from: at or below the last commit (all of them without a hard
    /// state).
    [[nodiscard]] std::vector<raft::WalSnapshot> usable_snapshots() const;

    /// Adds a warning for each entry that etcd's own reading from `snapshot` on brings back although it was
    /// replaced: that reading passes over all records at or below the index, also those that cut off what
    /// stood behind them. Only entries in file number `first_file` or a later one; `file` names one.
    void warn_of_ghosts(LogIndex snapshot, std::uint16_t first_file,
                        const std::function<std::string(std::uint16_t)>& file) const;

    /// Fills snapshot with its members, newest_snapshot and hard_state of `header` and returns the entries
    /// behind the snapshot, ascending. The resolver is empty afterwards.
    [[nodiscard]] Slots finish(Header& header);

  private:
    [[nodiscard]] bool restored() const noexcept;
    [[nodiscard]] const Slot* find(LogIndex index) const noexcept;

    FindingLog& findings_;
    Slots slots_;
    Slots ghosts_;  ///< what the last cut took, as far as it lies behind the last entry
    std::vector<raft::WalSnapshot> snapshots_;
    std::optional<raft::HardState> hard_state_;
};

/// "FILE, offset N"
[[nodiscard]] std::string place(const std::string& file, std::uint64_t offset);

}  // namespace kvctl::raftlog
