#pragma once
#include <cstdint>
#include <optional>

#include "kvctl/base/finding.hpp"
#include "kvctl/raft/layout.hpp"

namespace kvctl::raft {

/// What an audit holds the entries against. Absent values are not checked.
struct AuditOptions {
    Dummy snapshot;
    bool snapshot_stored =
        false;  ///< the source records the snapshot; false: it was guessed from the first entry
    std::optional<HardState> hard_state;
    std::optional<LogIndex> consistent_index;
    std::optional<SnapshotMeta> newest_snapshot;
    bool expect_snapshot_record = false;  ///< a log of this kind always has one at or below its commit
    bool filtered = false;                ///< the source left entries out on purpose: gaps are no fault
    bool text_only = false;               ///< a printed log: some printers show addresses instead of numbers
};

/// Looks for what cannot be in a sound log: gaps and steps back, falling terms, positions that cannot be
/// true, entries that do not decode, a commit or snapshot outside the log. Entries come in log order, one at
/// a time. A commit below the consistent index is no fault: it is not written on its own (CommitWatch).
class Audit {
  public:
    explicit Audit(AuditOptions options) : options_(options) {}
    void add(const EntryFacts& entry);
    /// Call once, behind the last entry.
    [[nodiscard]] Findings finish();

  private:
    AuditOptions options_;
    FindingLog findings_;
    std::optional<SnapshotMeta> last_;  ///< position of the entry before
    std::uint64_t implausible_ = 0;
};

}  // namespace kvctl::raft
