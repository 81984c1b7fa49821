#include "kvctl/jobs/status.hpp"

#include <algorithm>

#include "kvctl/base/error.hpp"
#include "kvctl/jobs/advice.hpp"
#include "kvctl/jobs/compact_target.hpp"
#include "kvctl/jobs/facts.hpp"
#include "kvctl/jobs/raft_log.hpp"
#include "kvctl/store/holders.hpp"

namespace kvctl::jobs {
namespace {

void add_bytes(const mvcc::TreeIndex& index, report::StatusReport& r) {
    std::vector<mvcc::Slot> newest(index.key_count(), mvcc::k_no_slot);
    index.for_each_block(0, index.slot_end(), [&](const mvcc::TreeIndex::Columns& c) {
        for (mvcc::Slot i = 0; i < c.count; ++i) {
            if (c.key[i] < mvcc::k_gap_key && c.tombstone(i)) {
                r.tombstone_bytes += c.bytes[i];
            } else {
                r.history_bytes += c.bytes[i];
            }
            if (c.key[i] < mvcc::k_gap_key) newest[c.key[i]] = c.base + i;
        }
    });
    for (const mvcc::Slot s : newest) {
        if (s == mvcc::k_no_slot || index.is_tombstone(s)) continue;
        r.live_bytes += index.bytes_of(s);
        r.history_bytes -= index.bytes_of(s);
    }
}

void add_file(const store::Store& store, report::StatusReport& r) {
    const store::StoreInfo& info = store.info();
    r.store = facts_of(info);
    r.wal_bytes = info.wal_bytes;
    r.journal_bytes = info.journal_bytes;
    r.free_bytes = info.free_pages * info.page_size;
    if (store.traits().journal) r.journal_mode = info.wal_mode ? "wal" : "rollback";
}

// The pages of revisions hold keys and values, and what encodes them. Those of a file too damaged to be
// walked are not told apart.
void add_pages(store::Store& store, const mvcc::TreeIndex& index, Progress* progress,
               report::StatusReport& r) try {
    const store::StoreInfo& info = store.info();
    // What a -wal holds is in the file once the server moves it there.
    const std::uint64_t whole = info.bytes_with_wal();
    const std::uint64_t rows = r.live_bytes + r.history_bytes + r.tombstone_bytes + r.free_bytes;
    r.overhead_bytes = whole - std::min(whole, rows);
    const auto map = store.page_map(index, mvcc::SlotSet(index.slot_end()), progress);
    if (!map) return;
    const auto bytes_of = [&](store::PageUse use) {
        return static_cast<std::uint64_t>(std::count(map->use.begin(), map->use.end(), use)) * map->page_size;
    };
    // Rows may stand on a page of another use, as those of a small bucket do: they are counted as rows.
    const auto take = [&](store::PageUse use) {
        const std::uint64_t bytes = std::min(r.overhead_bytes, bytes_of(use));
        r.overhead_bytes -= bytes;
        return bytes;
    };
    r.index_bytes = take(store::PageUse::index);
    r.other_bytes = take(store::PageUse::other);
} catch (const Error& e) {
    if (e.kind() != ErrorKind::damaged && e.kind() != ErrorKind::refused) throw;
}

void add_head(const store::StoreHead& head, report::StatusReport& r) {
    r.current = head.current.value();
    r.compacted = head.compacted.value();
    if (head.scheduled) r.scheduled = head.scheduled->value();
    if (head.finished) r.finished = head.finished->value();
    if (head.consistent_index) r.consistent_index = head.consistent_index->value();
    r.pending = head.pending();
    if (r.pending) r.pending_text = head.pending_text();
}

report::EtcdStatus etcd_status(const store::EtcdFacts& facts) {
    report::EtcdStatus e;
    e.cluster_version = facts.cluster_version;
    e.storage_version = facts.storage_version;
    for (const auto& m : facts.members) e.members.push_back({m.id, m.name, m.learner});
    for (const auto& a : facts.alarms) e.alarms.push_back({a.member, a.type, a.text()});
    e.leases = facts.leases.count;
    e.ttl_min = facts.leases.ttl_min;
    e.ttl_max = facts.leases.ttl_max;
    for (const auto& b : facts.buckets) e.buckets.push_back({b.name, b.keys, b.bytes, b.pages});
    return e;
}

report::DqliteStatus dqlite_status(const store::DqliteFacts& facts) {
    report::DqliteStatus d;
    d.database = facts.database;
    d.databases = facts.databases;
    d.term = facts.term;
    d.voted_for = facts.voted_for;
    for (const auto& m : facts.members) d.members.push_back({m.id, m.address, m.role});
    d.configuration_index = facts.configuration_index;
    for (const auto& s : facts.snapshots) d.snapshots.push_back({s.name, s.term, s.index, s.bytes, s.used});
    d.snapshot_unpacked_bytes = facts.snapshot_unpacked_bytes;
    d.first_index = facts.first_index;
    d.last_index = facts.last_index;
    d.applied = facts.applied;
    d.tail_may_be_uncommitted = facts.tail_may_be_uncommitted;
    d.bytes = {{"snapshots", facts.bytes.snapshots},
               {"closed_segments", facts.bytes.closed},
               {"open_segments", facts.bytes.open},
               {"set_aside", facts.bytes.set_aside},
               {"others", facts.bytes.others}};
    return d;
}

void add_counts(const mvcc::TreeIndex& index, report::StatusReport& r) {
    if (index.slot_end() > 0) r.oldest = index.revision(0).main;
    r.revisions = index.total().revisions;
    r.tombstones = index.total().tombstones;
    if (index.rules().kine()) r.gaps = index.total().gaps;
    r.keys = index.total().keys;
    r.live_keys = index.live_keys();
    add_bytes(index, r);
}

// nullopt where no compaction can be planned, or its outcome is not foretold.
std::optional<std::uint64_t> predict(store::Store& store, const store::StoreHead& head,
                                     const mvcc::TreeIndex& index, std::uint64_t keep_last) try {
    store.check_compactable(head);
    const CompactRequest request{.path = store.info().path, .keep_last = keep_last};
    const mvcc::CompactionPlan plan =
        mvcc::plan_compaction(index, input_of(head), target_of(store.info(), request, head));
    const std::unique_ptr<store::CompactionModel> model = store.model(index);
    return model->file_bytes(plan, {model->strategy(plan, true), false, false});
} catch (const Error& e) {
    if (e.kind() != ErrorKind::refused && e.kind() != ErrorKind::damaged) throw;
    return std::nullopt;
}

}  // namespace

report::StatusReport status(const StatusRequest& request, Progress* progress) {
    report::StatusReport r;
    for (store::Holder& h : store::holders_of(request.path))
        r.in_use_by.emplace_back(h.pid, std::move(h.command));
    const std::unique_ptr<store::Store> store = store::open_store(request.path, request.open);
    const mvcc::CompactionRules rules = rules_of(*store, request.rules, request.wal_dir).rules;
    const store::StoreHead head = store->head();
    Findings findings = store->notices();
    const mvcc::TreeIndex index = store->load(rules, findings, progress);
    add_file(*store, r);
    add_head(head, r);
    add_counts(index, r);
    add_pages(*store, index, progress, r);
    r.leases = store->leases().size();
    r.meta = store->meta();
    if (const auto facts = store->etcd_facts()) r.etcd = etcd_status(*facts);
    if (const auto facts = store->dqlite_facts()) r.dqlite = dqlite_status(*facts);
    try {
        if (const auto source = log_of(*store, request.open.timeout_ms, request.wal_dir))
            r.raft_log = read_log(*source, "store", {}, head.consistent_index).facts;
    } catch (const Error& e) {
        // The db is there all the same, and check says it too.
        if (e.kind() != ErrorKind::not_a_store || request.wal_dir) throw;
        findings.push_back({Finding::Severity::error, "unreadable-log", "raft log", e.what()});
    }
    r.hints = advice(*store, head, index, r, findings, request.open);
    if (request.predict_keeping) r.predicted_bytes = predict(*store, head, index, *request.predict_keeping);
    return r;
}

}  // namespace kvctl::jobs
