#include "kvctl/jobs/raft_log.hpp"

#include "kvctl/base/error.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/raft/audit.hpp"
#include "kvctl/raftlog/open.hpp"
#include "kvctl/raftlog/table.hpp"

namespace kvctl::jobs {
namespace {

void each_entry(raftlog::Source& source, const std::function<void(const raft::EntryFacts&)>& f) {
    std::uint64_t n = 0;
    source.each(raftlog::Want::facts, [&](const raftlog::Item& item) {
        if ((++n & 0xFFF) == 0) check_interrupt();
        f(item.facts);
        return true;
    });
}

}  // namespace

std::unique_ptr<raftlog::Source> log_of(store::Store& store, int timeout_ms) {
    const store::LogPlace place = store.log_place();
    if (place.table != nullptr)
        return raftlog::has_table(*place.table) ? raftlog::open_table(*place.table) : nullptr;
    return place.folder.empty() ? nullptr : raftlog::open(place.folder, timeout_ms);
}

LogReading read_log(raftlog::Source& source, const std::string& name, const LogTarget& target,
                    std::optional<LogIndex> applied) {
    const raftlog::Header& header = source.header();
    const raft::Marks marks{header.hard_state ? std::optional(header.hard_state->commit) : std::nullopt,
                            applied};
    LogReading reading;
    reading.facts.source = name;
    raft::LayoutBuilder layout(header.snapshot, marks);
    raft::Audit audit({.snapshot = header.snapshot,
                       .snapshot_stored = header.snapshot_stored,
                       .hard_state = header.hard_state,
                       .consistent_index = applied,
                       .newest_snapshot = header.newest_snapshot,
                       .expect_snapshot_record = header.expect_snapshot_record,
                       .filtered = header.filtered,
                       .text_only = !header.has_data});
    each_entry(source, [&](const raft::EntryFacts& e) {
        layout.add(e);
        audit.add(e);
    });
    reading.facts.before = layout.layout();
    reading.facts.after = {header.snapshot.index, 0, 0, layout.layout()};
    reading.findings = source.findings();
    for (Finding& f : audit.finish()) reading.findings.push_back(std::move(f));

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
    each_entry(source, [&](const raft::EntryFacts& e) { compaction.add(e); });
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
