#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "kvctl/raft/entry.hpp"
#include "kvctl/raft/request.hpp"

namespace kvctl::raft {

/// What a layout needs to know of one entry.
struct EntryFacts {
    LogIndex index;
    Term term;
    EntryType type = EntryType::normal;
    RequestKind request = RequestKind::empty;
    std::optional<std::uint64_t> bytes;  ///< encoded size; nullopt where only a text of the entry is known
    friend bool operator==(const EntryFacts&, const EntryFacts&) = default;
};

/// Neighbouring entries of one term.
struct TermRun {
    Term term;
    LogIndex first_index;
    LogIndex last_index;
    std::uint64_t entries = 0;
    std::optional<std::uint64_t> bytes;
    friend bool operator==(const TermRun&, const TermRun&) = default;
};

/// The log's position 0: what stands for everything compacted away.
struct Dummy {
    LogIndex index;
    std::optional<Term> term;  ///< nullopt: the source does not say
    friend bool operator==(const Dummy&, const Dummy&) = default;
};

/// The shape of a log.
struct Layout {
    Dummy snapshot;
    LogIndex first_index{1};  ///< without entries: snapshot index + 1
    LogIndex last_index;      ///< without entries: snapshot index
    std::uint64_t entries = 0;
    std::optional<std::uint64_t> bytes = 0;  ///< nullopt when one entry's size is unknown
    std::vector<TermRun> terms;
    std::array<std::uint64_t, k_entry_types> by_type{};
    std::array<std::uint64_t, k_request_kinds> by_request{};

    friend bool operator==(const Layout&, const Layout&) = default;
};

/// What a compaction of the log leaves, and what it takes away.
struct CompactedLayout {
    LogIndex at;
    std::uint64_t removed_entries = 0;
    std::optional<std::uint64_t> removed_bytes = 0;
    Layout after;
    friend bool operator==(const CompactedLayout&, const CompactedLayout&) = default;
};

/// Where in the log commits and applications stand.
struct Marks {
    std::optional<LogIndex> commit;   ///< the last position known to be committed
    std::optional<LogIndex> applied;  ///< the store's consistent index
};

struct Counts {
    std::optional<std::uint64_t> committed;  ///< entries at or below the commit
    std::optional<std::uint64_t> applied;    ///< entries at or below the consistent index
    friend bool operator==(const Counts&, const Counts&) = default;
};

/// Builds a layout from entries in log order, one at a time; memory grows with the number of term runs only.
class LayoutBuilder {
  public:
    LayoutBuilder(Dummy snapshot, Marks marks);
    void add(const EntryFacts& entry);
    [[nodiscard]] const Layout& layout() const noexcept { return layout_; }
    [[nodiscard]] const Counts& counts() const noexcept { return counts_; }

  private:
    Layout layout_;
    Marks marks_;
    Counts counts_;
};

/// Builds the layout that compacting at `at` would leave, from all entries of the log in order. Positions at
/// or below the snapshot remove nothing.
class CompactionBuilder {
  public:
    CompactionBuilder(Dummy snapshot, LogIndex at);
    void add(const EntryFacts& entry);
    [[nodiscard]] CompactedLayout result() const;

  private:
    CompactedLayout result_;
    LayoutBuilder after_;
};

/// The same from a list: what MemoryStorage::compact(at) would leave of `entries` behind `snapshot`.
[[nodiscard]] CompactedLayout compact_layout(Dummy snapshot, const std::vector<EntryFacts>& entries,
                                             LogIndex at);

enum class CompactVerdict {
    would_compact,
    already_compacted,  ///< at or below the snapshot: nothing to do
};
/// May a log be compacted at `at`? Throws a `refused` Error above the last index, and above what is applied
/// (or, where no store says what is applied, committed).
[[nodiscard]] CompactVerdict check_compaction(LogIndex at, LogIndex snapshot, LogIndex last,
                                              const Marks& marks);

/// The target of `--raft-index auto`: applied - keep; nullopt when nothing is applied, or nothing above the
/// snapshot could go.
[[nodiscard]] std::optional<LogIndex> auto_compact_index(std::optional<LogIndex> applied, std::uint64_t keep,
                                                         LogIndex snapshot, LogIndex last) noexcept;

}  // namespace kvctl::raft
