#include "kvctl/jobs/replay_sink.hpp"

#include <algorithm>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/jobs/plan_check.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/mvcc/refusals.hpp"

namespace kvctl::jobs {
namespace {

// What a compaction of the log's that cannot be had ends with.
std::string not_carried_out(const mvcc::CompactionPlan& plan) {
    return fmt::format("the compaction to revision {} was not carried out", plan.compacted_after);
}

std::string stored_value(const std::string& path, store::ReplayRows& rows, std::string_view key,
                         const raft::LiveKey& row) {
    auto value = rows.value_at({row.main, row.sub});
    if (value) return std::move(*value);
    throw Error(ErrorKind::damaged, fmt::format("{}: {} of a key of {} bytes is gone", path,
                                                mvcc::revision_text({row.main, row.sub}), key.size()));
}

}  // namespace

void StoreSink::write(const raft::Applied& applied) {
    for (const raft::Change& c : applied.changes) {
        mvcc::Record r;
        r.revision = {c.main, c.sub};
        r.tombstone = c.tombstone;
        r.key = c.key;
        r.create_revision = c.create_revision;
        r.version = c.version;
        r.lease = c.lease;
        r.value = c.value;
        writer_->add(r);
    }
    if (applied.granted) writer_->grant({applied.granted->id, applied.granted->ttl});
    if (applied.revoked) writer_->revoke(*applied.revoked);
}

template <class Schedule>
void StoreSink::run(MainRevision at, Schedule schedule) {
    store::Store& store = writable_.store();
    Findings findings;
    const store::StoreHead head = store.head();
    const mvcc::TreeIndex index = store.load(rules_, findings, progress_);
    const mvcc::CompactionPlan plan =
        mvcc::plan_compaction(index, {head.current, head.compacted, std::nullopt}, at);
    check_plan(store.info().path, index, findings, plan, not_carried_out(plan));
    schedule();
    store::Execution execution;
    execution.progress = progress_;
    writable_.execute(index, plan, store::Strategy::in_place, std::nullopt, execution);
    removed_.push_back(plan.removed.revisions);
}

void StoreSink::compact(MainRevision at, LogIndex index, Term term) {
    run(at, [&] {
        writer_->schedule(at);
        writer_->commit(index, term);
    });
}

void StoreSink::finish_pending(MainRevision at) {
    run(at, [] {});
}

std::string StoreSink::value(std::string_view key, const raft::LiveKey& row) {
    return stored_value(writable_.info().path, *rows_, key, row);
}

bool ForecastSink::is_read(std::string_view key) const {
    for (const auto& [from, end] : reads_) {
        if (end.empty() ? key == from : key >= from && (key < end || end == std::string_view("\0", 1)))
            return true;
    }
    return false;
}

void ForecastSink::write(const raft::Applied& applied) {
    for (const raft::Change& c : applied.changes) {
        if (!reads_.empty() && is_read(c.key)) {
            if (c.tombstone) {
                values_.erase(c.key);
            } else {
                values_.insert_or_assign(c.key, c.value);
            }
        }
        if (compacts_) {
            rows_.push_back(
                {{c.main, c.sub}, c.tombstone, c.key, c.create_revision, c.version, c.value.size()});
        }
    }
}

std::string ForecastSink::value(std::string_view key, const raft::LiveKey& row) {
    if (row.main <= stored_.current.value()) return stored_value(store_.info().path, *stored_rows_, key, row);
    const auto found = values_.find(key);
    if (found == values_.end()) throw Error(ErrorKind::internal, "a new value is read that was not kept");
    return found->second;
}

// Compactions one after the other remove what the last of them alone would, so each is the difference between
// its own plan over all rows and that of the one before.
std::vector<std::uint64_t> ForecastSink::removed() {
    std::vector<std::uint64_t> counts;
    if (compactions_.empty()) return counts;
    mvcc::TreeIndex index(rules_);
    index.add_segments(1);
    mvcc::RowBatch batch;
    const auto push = [&](mvcc::Revision revision, bool tombstone, std::string_view key,
                          std::int64_t create_revision, std::int64_t version, std::uint64_t value_bytes) {
        mvcc::IndexRow row;
        row.revision = revision;
        row.tombstone = tombstone;
        row.key = key;
        row.create_revision = create_revision;
        row.version = version;
        row.bytes = key.size() + value_bytes;
        if (!batch.push(row)) index.add(0, batch);
    };
    stored_rows_->each([&](const mvcc::Record& r, std::uint64_t value_bytes) {
        push(r.revision, r.tombstone, r.key, r.create_revision, r.version, value_bytes);
    });
    for (const Row& r : rows_) {
        push(r.revision, r.tombstone, r.key, r.create_revision, r.version, r.value_bytes);
    }
    index.add(0, batch);
    if (!index.seal()) throw Error(ErrorKind::internal, "replayed rows are out of order");
    const MainRevision current{index.last_slot() == mvcc::k_no_slot ? 1
                                                                    : index.revision(index.last_slot()).main};
    std::uint64_t before = 0;
    for (const MainRevision at : compactions_) {
        const mvcc::CompactionPlan plan = mvcc::plan_compaction(
            index, {std::max({current, stored_.current, at}), stored_.compacted, std::nullopt}, at);
        check_plan(store_.info().path, index, {}, plan, not_carried_out(plan));
        counts.push_back(plan.removed.revisions - before);
        before = plan.removed.revisions;
    }
    return counts;
}

}  // namespace kvctl::jobs
