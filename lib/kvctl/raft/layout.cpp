#include "kvctl/raft/layout.hpp"

#include <algorithm>
#include <string>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"

namespace kvctl::raft {
namespace {

void add_bytes(std::optional<std::uint64_t>& sum, const std::optional<std::uint64_t>& bytes) {
    if (sum && bytes) {
        *sum += *bytes;
    } else {
        sum.reset();
    }
}

Layout empty_layout(Dummy snapshot) {
    Layout layout;
    layout.snapshot = snapshot;
    layout.first_index = LogIndex{snapshot.index.value() + 1};
    layout.last_index = snapshot.index;
    return layout;
}

}  // namespace

LayoutBuilder::LayoutBuilder(Dummy snapshot, Marks marks) : layout_(empty_layout(snapshot)), marks_(marks) {
    if (marks.commit) counts_.committed = 0;
    if (marks.applied) counts_.applied = 0;
}

void LayoutBuilder::add(const EntryFacts& entry) {
    if (layout_.entries == 0) layout_.first_index = entry.index;
    layout_.last_index = entry.index;
    ++layout_.entries;
    add_bytes(layout_.bytes, entry.bytes);
    ++layout_.by_type[static_cast<std::size_t>(entry.type)];
    ++layout_.by_request[static_cast<std::size_t>(entry.request)];
    if (layout_.terms.empty() || layout_.terms.back().term != entry.term) {
        layout_.terms.push_back({entry.term, entry.index, entry.index, 0, 0});
    }
    TermRun& run = layout_.terms.back();
    run.last_index = entry.index;
    ++run.entries;
    add_bytes(run.bytes, entry.bytes);
    if (marks_.commit && entry.index <= *marks_.commit) ++*counts_.committed;
    if (marks_.applied && entry.index <= *marks_.applied) ++*counts_.applied;
}

CompactionBuilder::CompactionBuilder(Dummy snapshot, LogIndex at)
    : after_({at > snapshot.index ? Dummy{at, std::nullopt} : snapshot}, {}) {
    result_.at = at;
    result_.after = after_.layout();
}

void CompactionBuilder::add(const EntryFacts& entry) {
    if (entry.index > result_.at) {
        after_.add(entry);
        return;
    }
    ++result_.removed_entries;
    add_bytes(result_.removed_bytes, entry.bytes);
    if (entry.index == result_.at) result_.after.snapshot.term = entry.term;
}

CompactedLayout CompactionBuilder::result() const {
    CompactedLayout out = result_;
    out.after = after_.layout();
    out.after.snapshot.term = result_.after.snapshot.term;
    return out;
}

CompactedLayout compact_layout(Dummy snapshot, const std::vector<EntryFacts>& entries, LogIndex at) {
    CompactionBuilder builder(snapshot, at);
    for (const EntryFacts& e : entries) builder.add(e);
    return builder.result();
}

CompactVerdict check_compaction(LogIndex at, LogIndex snapshot, LogIndex last, const Marks& marks) {
    if (at <= snapshot) return CompactVerdict::already_compacted;
    if (at > last) {
        throw Error(
            ErrorKind::refused,
            fmt::format("raft index {} is above the log's last index {} (a raft index is not a revision)", at,
                        last));
    }
    if (marks.applied && at > *marks.applied) {
        throw Error(ErrorKind::refused, fmt::format("raft index {} is above the store's consistent index {}: "
                                                    "entries not yet applied must stay in the log",
                                                    at, *marks.applied));
    }
    if (!marks.applied && marks.commit && at > *marks.commit) {
        throw Error(ErrorKind::refused, fmt::format("raft index {} is above the hard state's commit index "
                                                    "{}: entries not yet applied must stay in the log",
                                                    at, *marks.commit));
    }
    return CompactVerdict::would_compact;
}

std::optional<LogIndex> auto_compact_index(std::optional<LogIndex> applied, std::uint64_t keep,
                                           LogIndex snapshot, LogIndex last) noexcept {
    if (!applied) return std::nullopt;
    const std::uint64_t known = std::min(applied->value(), last.value());
    if (applied->value() <= keep) return std::nullopt;
    const LogIndex target{std::min(applied->value() - keep, known)};
    return target > snapshot ? std::optional(target) : std::nullopt;
}

}  // namespace kvctl::raft
