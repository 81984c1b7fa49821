#include "kvctl/raft/audit.hpp"

#include <string>

#include "kvctl/base/format.hpp"

namespace kvctl::raft {
namespace {

using Severity = Finding::Severity;

// A heap address as 64-bit Go programs have them; no log ever had that many entries.
constexpr std::uint64_t k_address_like = std::uint64_t{1} << 38;

}  // namespace

void Audit::add(const EntryFacts& entry) {
    const auto where = [&] { return fmt::format("index {}", entry.index); };  // only a fault pays for it
    if (entry.request == RequestKind::undecodable) {
        findings_.add({Severity::error, "undecodable-entry", where(), "the entry's data does not decode"});
    } else if (entry.request == RequestKind::unknown) {
        findings_.add({Severity::warning, "unknown-request", where(),
                       "the entry holds no operation this version knows"});
    }
    const bool address_like =
        options_.text_only && (entry.index.value() >= k_address_like || entry.term.value() >= k_address_like);
    if (address_like || entry.index.value() == 0 || entry.term.value() == 0) {
        ++implausible_;
        findings_.add(
            {Severity::error, "implausible-position", where(),
             address_like
                 ? "index and term look like memory addresses; dump the log with --raw instead"
                 : fmt::format("term {} at index {}: a real entry has neither 0", entry.term, entry.index)});
    }
    if (!last_ && implausible_ == 0) {
        const LogIndex snapshot = options_.snapshot.index;
        if (options_.snapshot_stored && !options_.filtered && entry.index > snapshot &&
            entry.index.value() - snapshot.value() > 1) {
            findings_.add(
                {Severity::error, "gap-after-snapshot", where(),
                 fmt::format("the first entry is {}, but the snapshot is at {}", entry.index, snapshot)});
        }
        if (options_.snapshot_stored && entry.index <= snapshot) {
            findings_.add({Severity::error, "entry-below-snapshot", where(),
                           fmt::format("the snapshot at {} stands for this entry already", snapshot)});
        }
        if (options_.snapshot.term && entry.index > snapshot && entry.term < *options_.snapshot.term) {
            findings_.add(
                {Severity::error, "term-falls", where(),
                 fmt::format("term {} behind the snapshot's term {}", entry.term, *options_.snapshot.term)});
        }
    }
    if (last_ && implausible_ == 0) {
        if (entry.index <= last_->index) {
            findings_.add({Severity::error, "index-step-back", where(),
                           fmt::format("comes behind index {}", last_->index)});
        } else if (!options_.filtered && entry.index.value() - last_->index.value() > 1) {
            findings_.add({Severity::error, "index-gap", where(),
                           fmt::format("entries {} to {} are missing", last_->index.value() + 1,
                                       entry.index.value() - 1)});
        }
        if (entry.term < last_->term) {
            findings_.add({Severity::error, "term-falls", where(),
                           fmt::format("term {} behind term {}", entry.term, last_->term)});
        }
    }
    last_ = SnapshotMeta{entry.index, entry.term};
}

Findings Audit::finish() {
    const LogIndex last = last_ ? last_->index : options_.snapshot.index;
    const bool known_end = implausible_ == 0 && !options_.filtered;
    if (options_.hard_state) {
        const HardState& hard = *options_.hard_state;
        if (known_end && hard.commit > last) {
            findings_.add({Severity::error, "commit-above-last-index", "hard state",
                           fmt::format("commit {} is above the last index {}", hard.commit, last)});
        }
        if (known_end && last_ && hard.term < last_->term) {
            findings_.add({Severity::error, "hard-state-term-below-last", "hard state",
                           fmt::format("term {} is below the last entry's term {}", hard.term, last_->term)});
        }
        if (options_.expect_snapshot_record && !options_.snapshot_stored) {
            findings_.add({Severity::error, "no-snapshot-record", "hard state",
                           fmt::format("no snapshot record at or below commit {}", hard.commit)});
        }
    }
    if (options_.consistent_index && known_end && *options_.consistent_index > last) {
        findings_.add({Severity::error, "consistent-index-above-last-index", "store",
                       fmt::format("the store's consistent index {} is above the log's last index {}",
                                   *options_.consistent_index, last)});
    }
    if (options_.snapshot_stored && known_end && last_ && options_.snapshot.index > last) {
        findings_.add({Severity::error, "snapshot-above-last-index", "snapshot",
                       fmt::format("snapshot {} is above the last index {}", options_.snapshot.index, last)});
    }
    if (options_.newest_snapshot && known_end && options_.newest_snapshot->index > last) {
        findings_.add(
            {Severity::error, "snapshot-above-last-index", "newest snapshot",
             fmt::format("snapshot {} is above the last index {}", options_.newest_snapshot->index, last)});
    }
    return findings_.take();
}

}  // namespace kvctl::raft
