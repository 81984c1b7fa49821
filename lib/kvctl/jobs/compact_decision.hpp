#pragma once
#include <cstdint>
#include <memory>
#include <optional>

#include "kvctl/jobs/compact.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "kvctl/store/compaction_model.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::jobs {

/// What a run does to the store's file.
struct Steps {
    bool works = false;     ///< anything beside shrinking it
    bool rewrites = false;  ///< that is done by writing it anew, which shrinks it too
    bool shrinks = false;   ///< it is shrunk, as a step of its own behind the work
    [[nodiscard]] bool new_file() const noexcept { return rewrites || shrinks; }
};

/// What a compaction of an open store comes to: the same for a forecast and the real one.
struct Decision {
    enum class Kind { compact, already_compacted, already_fits, below_min_gain };
    Kind kind = Kind::compact;
    store::StoreHead head;
    std::unique_ptr<mvcc::TreeIndex> index;
    std::unique_ptr<store::CompactionModel> model;  ///< of the store and the index
    mvcc::CompactionPlan plan;                      ///< what the run does; its target is what was asked for
    std::optional<std::uint64_t> converted_bytes;   ///< at least, of the output of another layout
    std::optional<std::uint64_t> shrunk_bytes;      ///< the file once shrunk; nullopt: not foretold
    std::string fits_by;  ///< what makes an already_fits true that only shrinking does
    store::Strategy strategy = store::Strategy::in_place;
    std::optional<report::OldValues> old_values;
    std::optional<report::LogFacts> log;      ///< nullopt: there is no raft log
    bool log_is_applied = true;               ///< a server starts on that log, and goes on from it
    std::optional<LogIndex> raft_compact_to;  ///< entries of the store's own log up to it go
    report::Notes notes;
    bool disarms = false;          ///< an alarm goes
    bool too_little_gain = false;  ///< less than min_gain: only what was cut short earlier is finished

    /// Whether old values go although no row does.
    [[nodiscard]] bool only_clears() const noexcept {
        return kind != Kind::compact && old_values && old_values->values > 0;
    }
    /// Whether anything is to be written beside shrinking the file.
    [[nodiscard]] bool works() const noexcept {
        return kind == Kind::compact || raft_compact_to.has_value() || disarms || only_clears();
    }
    [[nodiscard]] bool may_shrink() const noexcept { return !too_little_gain; }
    [[nodiscard]] Steps steps(bool vacuum) const noexcept {
        const bool rewrites = works() && strategy == store::Strategy::rewrite;
        return {works(), rewrites, vacuum && may_shrink() && !rewrites};
    }
    /// Whether the store's file will be another one afterwards.
    [[nodiscard]] bool changes(bool vacuum) const noexcept { return works() || (vacuum && may_shrink()); }
};

/// Reads the store once and plans; `executes`: the plan is going to be carried out. Throws usage without a
/// target, future_revision, refused for a size out of reach.
[[nodiscard]] Decision decide(store::Store& store, const CompactRequest& request, bool executes,
                              Progress* progress);

/// Whether the output is of another layout than the store, or of another kind.
[[nodiscard]] bool converts(const store::Store& store, const CompactRequest& request) noexcept;

/// Throws refused where the members of a cluster would not survive it, or the output's layout cannot hold
/// what is left.
void check_request(store::Store& store, const CompactRequest& request, const Decision& decision);

/// What is said where --all-members comes with a target that may be another revision on another member;
/// `at`: what it is on this one. Empty where it cannot be, or there is no other.
[[nodiscard]] std::string one_revision_for_all(store::Store& store, const CompactRequest& request,
                                               MainRevision at);

/// Throws where executing the decision is refused: live revisions that etcd's rule would lose, damage it
/// would touch.
void check_decision(const store::StoreInfo& info, const Decision& decision);

}  // namespace kvctl::jobs
