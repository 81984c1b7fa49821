#include "kvctl/jobs/replay_run.hpp"

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"

namespace kvctl::jobs {
namespace {

// A transaction also ends after so many bytes of values.
constexpr std::uint64_t k_commit_bytes = std::uint64_t{16} << 20;

}  // namespace

void ReplayRun::run(bool shared, Progress* progress) {
    bool more = done_ < survey_.last;
    while (more) {
        more = false;
        std::optional<MainRevision> compaction;
        log_.each(raftlog::Want::data, [&](const raftlog::Item& item) {
            if (item.facts.index <= done_) return true;
            if (item.facts.index > survey_.last) return false;
            check_interrupt();
            if (progress != nullptr && (report_.entries & 0xFF) == 0)
                progress->update("applying", report_.entries, survey_.entries);
            compaction = apply(item);
            if (compaction && shared) {
                more = true;
                return false;
            }
            if (compaction) compact(*compaction);
            compaction.reset();
            return true;
        });
        if (compaction) compact(*compaction);
    }
    if (open_entries_ > 0) commit();
    for (Finding& f : stripped_.take()) report_.notes.findings.push_back(std::move(f));
}

std::optional<MainRevision> ReplayRun::apply(const raftlog::Item& item) {
    const raft::Request request = raft::decode_request(item.entry());
    raft::Applied applied;
    try {
        applied = applier_.apply(request);
    } catch (const Error& e) {
        throw Error(e.kind(), fmt::format("{}: entry {}: {}", report_.log, item.facts.index, e.what()));
    }
    count(request, applied, item.facts.index);
    if (applied.compaction && open_entries_ > 0) commit();
    done_ = item.facts.index;
    term_ = item.facts.term;
    if (applied.compaction) return applied.compaction;
    sink_.write(applied);
    ++open_entries_;
    for (const raft::Change& c : applied.changes) open_bytes_ += c.key.size() + c.value.size();
    if (open_entries_ >= batch_ || open_bytes_ >= k_commit_bytes) commit();
    return std::nullopt;
}

void ReplayRun::compact(MainRevision at) {
    sink_.compact(at, done_, term_);
    report_.compactions.push_back({done_, at, 0});
}

void ReplayRun::commit() {
    sink_.commit(done_, term_);
    open_entries_ = 0;
    open_bytes_ = 0;
}

void ReplayRun::count(const raft::Request& request, const raft::Applied& applied, LogIndex index) {
    ++report_.entries;
    ++report_.requests[std::string(name_of(request.kind))];
    if (applied.error != raft::ApplyError::none) ++report_.refused[std::string(name_of(applied.error))];
    if (!applied.changes.empty()) ++report_.revisions;
    for (const raft::Change& c : applied.changes) ++(c.tombstone ? report_.tombstones : report_.puts);
    if (applied.granted) ++report_.leases_granted;
    if (applied.revoked) ++report_.leases_revoked;
    if (applied.failed_by_range_alone) {
        stripped_.add({Finding::Severity::warning, "range-revision", fmt::format("entry {}", index),
                       "the transaction fails only for the revision of a range; a server up to 3.6 that "
                       "applied it without a waiting client went through with it",
                       std::nullopt});
    }
}

}  // namespace kvctl::jobs
