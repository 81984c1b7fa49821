#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "kvctl/store/store.hpp"
#include "tools/compact_options.hpp"

namespace kvctl::cli {

/// What a compaction of an open store comes to: the same for a dry run and the real one.
struct Decision {
    enum class Kind { compact, already_compacted, already_fits, below_min_gain };
    Kind kind = Kind::compact;
    store::StoreHead head;
    mvcc::TreeIndex index;
    mvcc::CompactionPlan plan;
    std::optional<std::uint64_t> shrunk_bytes;  ///< predicted file after vacuum; nullopt on bbolt
    store::Strategy strategy = store::Strategy::in_place;
    std::optional<report::OldValues> old_values;
    std::optional<report::LogFacts> log;      ///< nullopt: there is no raft log
    std::optional<LogIndex> raft_compact_to;  ///< entries of the store's own log up to it go
    report::Notes notes;
    bool too_little_gain = false;  ///< less than --min-gain: only what was cut short earlier is finished

    /// Whether anything is to be written beside shrinking the file.
    [[nodiscard]] bool works() const noexcept { return kind == Kind::compact || raft_compact_to.has_value(); }
    [[nodiscard]] bool may_shrink() const noexcept { return !too_little_gain; }
};

/// Reads the store once and plans. Throws usage without a target, future_revision, refused for a size out of
/// reach.
[[nodiscard]] Decision decide(store::Store& store, const CompactOptions& options, Progress* progress);

/// Whether the output is of another layout than the store.
[[nodiscard]] bool converts(const store::Store& store, const CompactOptions& options);

/// Throws where executing the decision is refused: live revisions that etcd's rule would lose, damage it
/// would touch.
void check_decision(const store::StoreInfo& info, const Decision& decision);

}  // namespace kvctl::cli
