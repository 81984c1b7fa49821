#include "kvctl/jobs/raft_log.hpp"

#include "kvctl/base/error.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/raft/audit.hpp"
#include "kvctl/raftlog/open.hpp"
#include "kvctl/raftlog/table.hpp"

namespace kvctl::jobs {
namespace {

void each_entry(raftlog::Source& source, const std::function<void(const raftlog::Item&)>& f) {
    std::uint64_t n = 0;
    source.each(raftlog::Want::facts, [&](const raftlog::Item& item) {
        if ((++n & 0xFFF) == 0) check_interrupt();
        f(item);
        return true;
    });
}

}  // namespace

std::unique_ptr<raftlog::Source> log_of(store::Store& store, int timeout_ms,
                                        const std::optional<std::string>& wal_dir) {
    const store::LogPlace place = store.log_place();
    if (wal_dir && !place.wal) {
        throw Error(ErrorKind::usage,
                    store.info().path + ": --wal-dir goes only with an etcd db or data dir");
    }
    if (wal_dir) return raftlog::open(store.info().path, timeout_ms, wal_dir);
    if (place.table != nullptr)
        return raftlog::has_table(*place.table) ? raftlog::open_table(*place.table) : nullptr;
    return place.folder.empty() ? nullptr : raftlog::open(place.folder, timeout_ms);
}

raftlog::Release release_of(store::Store& store, const std::optional<std::string>& asked) {
    if (asked) return raftlog::release_of(*asked);
    // Of other stores no server of etcd's starts.
    const auto release = store.traits().member ? store.release() : std::nullopt;
    return release ? raftlog::release_of(release->text()) : raftlog::Release::unknown;
}

LogReading read_log(raftlog::Source& source, const std::string& name, const LogTarget& target,
                    std::optional<LogIndex> applied, raftlog::Release release) {
    const raftlog::Header& header = source.header();
    LogReading reading;
    reading.facts.source = name;
    raft::CommitWatch commit(raftlog::known_commit(header, applied));
    raftlog::StartUpAudit start_up(header, release, applied);
    raft::LayoutBuilder layout(header.snapshot, {});
    raft::Audit audit({.snapshot = header.snapshot,
                       .snapshot_stored = header.snapshot_stored,
                       .hard_state = header.hard_state,
                       .consistent_index = applied,
                       .newest_snapshot = raftlog::loaded_snapshot(header, release),
                       .expect_snapshot_record = header.expect_snapshot_record,
                       .filtered = header.filtered,
                       .text_only = !header.has_data});
    each_entry(source, [&](const raftlog::Item& item) {
        layout.add(item.facts);
        audit.add(item.facts);
        start_up.add(item.facts);
        (void)commit.see(item.entry());
    });
    const raft::Marks marks{commit.last(), applied};
    reading.facts.before = layout.layout();
    reading.facts.after = {header.snapshot.index, 0, 0, layout.layout()};
    reading.findings = raftlog::findings_of(source, commit.last(), applied);
    for (Finding& f : audit.finish()) reading.findings.push_back(std::move(f));
    for (Finding& f : start_up.finish()) reading.findings.push_back(std::move(f));

    std::optional<LogIndex> at;
    if (target.index) at = LogIndex(*target.index);
    if (target.automatic) {
        at =
            raft::auto_compact_index(applied, target.keep, header.snapshot.index, layout.layout().last_index);
        if (!at) {
            reading.warnings.push_back(
                applied ? "raft log: nothing to spare beyond the " + std::to_string(target.keep) +
                              " entries to keep; it stays as it is"
                        : "raft log: no consistent index says what is applied; it stays as it is");
        }
    }
    if (!at) return reading;
    reading.facts.compacted = true;
    if (raft::check_compaction(*at, header.snapshot.index, layout.layout().last_index, marks) ==
        raft::CompactVerdict::already_compacted) {
        reading.warnings.push_back("raft log: already compacted to index " +
                                   std::to_string(header.snapshot.index.value()));
        return reading;
    }
    raft::CompactionBuilder compaction(header.snapshot, *at);
    each_entry(source, [&](const raftlog::Item& item) { compaction.add(item.facts); });
    reading.facts.after = compaction.result();
    reading.compact_to = at;
    return reading;
}

void refuse_corrupt(const Findings& findings, const std::string& log, const std::string& consequence) {
    for (const Finding& f : findings) {
        if (f.code != "crc-mismatch") continue;
        throw Error(ErrorKind::damaged,
                    (f.where.empty() ? log : f.where) + ": " + f.what + "; " + consequence);
    }
}

}  // namespace kvctl::jobs
