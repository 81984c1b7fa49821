#include "kvctl/jobs/raft_log.hpp"

#include <filesystem>
#include <system_error>
#include <utility>
#include <variant>

#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/raft/audit.hpp"
#include "kvctl/raft/request.hpp"
#include "kvctl/raftlog/open.hpp"
#include "kvctl/raftlog/table.hpp"
#include "kvctl/store/target.hpp"

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

// The last one that is committed. A log that cannot be read is told of by whoever reads it for itself.
std::optional<std::string> cluster_version_in_log(store::Store& store,
                                                  const std::optional<std::string>& wal_dir) try {
    std::optional<std::string> newest;
    const auto source = log_of(store, 0, wal_dir);
    if (!source) return newest;
    raft::CommitWatch commit(raftlog::known_commit(source->header(), store.head().consistent_index));
    std::uint64_t n = 0;
    source->each(raftlog::Want::data, [&](const raftlog::Item& item) {
        if ((++n & 0xFFF) == 0) check_interrupt();
        const bool committed = commit.see(item.entry()) || !source->header().hard_state;
        if (!committed || item.facts.request != raft::RequestKind::cluster_version_set) return true;
        const raft::Request request = raft::decode_request(item.entry());
        if (const auto* set = std::get_if<raft::ClusterVersionSet>(&request.body)) newest = set->version;
        return true;
    });
    return newest;
} catch (const Error& e) {
    if (e.kind() != ErrorKind::damaged && e.kind() != ErrorKind::not_a_store) throw;
    return std::nullopt;
}

}  // namespace

std::unique_ptr<raftlog::Source> log_of(store::Store& store, int timeout_ms,
                                        const std::optional<std::string>& wal_dir) {
    const store::LogPlace place = store.log_place();
    if (wal_dir && !place.wal) {
        throw usage_error(store.info().path + ": --wal-dir goes only with an etcd db or data dir");
    }
    if (wal_dir) return raftlog::open(store.info().path, timeout_ms, wal_dir);
    if (place.table != nullptr)
        return raftlog::has_table(*place.table) ? raftlog::open_table(*place.table) : nullptr;
    if (place.folder.empty()) return nullptr;
    return raftlog::open(place.folder, timeout_ms, std::nullopt, place.snapshot);
}

std::string log_left_out(store::Store& store, store::TargetKind to) {
    const std::string told = "the raft log is left out: ";
    const std::string import = command_on(store.info().path, "import -o NEW");
    switch (to) {
        case store::TargetKind::native:
            return told + import + " takes it over";
        case store::TargetKind::kine:
            return told + "a kine store has none";
        case store::TargetKind::snapshot:
            return told + "a snapshot begins a new one when it is restored";
        case store::TargetKind::bbolt:
            break;
    }
    if (!store.log_place().wal) return told + "an etcd db has its log in a WAL beside it";
    return fmt::format("{}the new file is a db that belongs to this WAL ({} takes the log over)", told,
                       import);
}

std::optional<std::string> own_log_left_out(store::Store& store, store::TargetKind to,
                                            const std::optional<std::string>& wal_dir) try {
    if (to == store::TargetKind::native || !store.traits().etcd_log) return std::nullopt;
    const std::unique_ptr<raftlog::Source> log = log_of(store, 0, wal_dir);
    bool any = false;
    if (log != nullptr) log->each(raftlog::Want::facts, [&](const raftlog::Item&) { return !(any = true); });
    if (!any) return std::nullopt;
    return log_left_out(store, to);
} catch (const Error& e) {
    if (e.kind() == ErrorKind::usage) throw;
    return std::nullopt;
}

raftlog::Release release_of(store::Store& store, const std::optional<std::string>& asked) {
    if (asked) return raftlog::release_of(*asked);
    // Of other stores no server of etcd's starts.
    const auto release = store.traits().member ? store.release() : std::nullopt;
    return release ? raftlog::release_of(release->text()) : raftlog::Release::unknown;
}

namespace {

LogReading read_once(raftlog::Source& source, const std::string& name, const LogTarget& target,
                     std::optional<LogIndex> applied, raftlog::Release release,
                     const std::optional<raft::Belonging::Store>& owner) {
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
                       .newest_snapshot = raftlog::snapshot_within(header, release),
                       .expect_snapshot_record = header.expect_snapshot_record,
                       .filtered = header.filtered,
                       .text_only = !header.has_data});
    std::optional<raft::Belonging> belongs;
    if (owner) belongs = belonging(*owner, header);
    each_entry(source, [&](const raftlog::Item& item) {
        if (belongs) belongs->see(item.entry(), item.facts.request);
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
    if (auto f = foreign_log(belongs, name)) reading.findings.push_back(std::move(*f));

    std::optional<LogIndex> at;
    if (target.index) at = LogIndex(*target.index);
    if (target.automatic) {
        at =
            raft::auto_compact_index(applied, target.keep, header.snapshot.index, layout.layout().last_index);
        if (!at) {
            reading.warnings.push_back(
                applied ? fmt::format(
                              "raft log: nothing to spare beyond the {} entries to keep; it stays as it is",
                              group_digits(target.keep))
                        : "raft log: no consistent index says what is applied; it stays as it is");
        }
    }
    if (!at) return reading;
    reading.facts.compacted = true;
    if (check_compaction(header.path, *at, header.snapshot.index, layout.layout().last_index, marks) ==
        raft::CompactVerdict::already_compacted) {
        reading.warnings.push_back(
            fmt::format("raft log: already compacted to index {}", header.snapshot.index));
        return reading;
    }
    raft::CompactionBuilder compaction(header.snapshot, *at);
    each_entry(source, [&](const raftlog::Item& item) { compaction.add(item.facts); });
    reading.facts.after = compaction.result();
    reading.compact_to = at;
    return reading;
}

}  // namespace

LogReading read_log(raftlog::Source& source, const std::string& name, const LogTarget& target,
                    std::optional<LogIndex> applied, raftlog::Release release,
                    const std::optional<raft::Belonging::Store>& owner) {
    // A running dqlite node renames and removes its segments.
    for (int again = source.header().kind == raftlog::SourceKind::dqlite ? 20 : 0;; --again) {
        try {
            return read_once(source, name, target, applied, release, owner);
        } catch (const Error& e) {
            if (e.kind() != ErrorKind::busy || again == 0) throw;
            check_interrupt();
        }
    }
}

raft::CompactVerdict check_compaction(const std::string& path, LogIndex at, LogIndex snapshot, LogIndex last,
                                      const raft::Marks& marks) try {
    return raft::check_compaction(at, snapshot, last, marks);
} catch (const Error& e) {
    throw Error(e.kind(), fmt::format("{}: {}", path, e.what()));
}

void refuse_dqlite(const raftlog::Header& header) {
    if (header.kind != raftlog::SourceKind::dqlite) return;
    throw Error(ErrorKind::read_only_layout,
                fmt::format("{}: a dqlite log holds pages of a database, no requests of etcd's; {} makes a "
                            "directory with a short one",
                            header.path, command_on(header.path, "compact --keep-last 100 -o NEWDIR")));
}

std::optional<raft::Belonging::Store> owner_of(store::Store& store, const raftlog::Header& log) try {
    // A table in the store's own file is nobody else's, and a dqlite log holds no requests.
    std::error_code ignored;
    if (log.kind == raftlog::SourceKind::dqlite ||
        (log.kind == raftlog::SourceKind::table &&
         std::filesystem::equivalent(log.path, store.info().real_path, ignored))) {
        return std::nullopt;
    }
    const store::StoreHead head = store.head();
    const store::Cluster cluster = store.cluster();
    raft::Belonging::Store owner;
    for (const auto& [id, standing] : cluster.members) owner.members.insert(id);
    owner.cluster_id = cluster.cluster_id;
    owner.members_at = cluster.members_at;
    owner.applied = head.consistent_index.value_or(LogIndex{0});
    owner.current = head.current;
    return owner;
} catch (const Error& e) {
    if (e.kind() != ErrorKind::damaged) throw;
    return std::nullopt;
}

raft::Belonging belonging(raft::Belonging::Store owner, const raftlog::Header& header) {
    return {std::move(owner), {header.node_id, header.cluster_id, header.restored}};
}

std::optional<Finding> foreign_log(const std::optional<raft::Belonging>& belonging, const std::string& name) {
    const auto fault = belonging ? belonging->fault() : std::nullopt;
    if (!fault) return std::nullopt;
    return Finding{Finding::Severity::error, "foreign-log", name, "another history: it " + *fault};
}

store::RuleChoice rules_of(store::Store& store, const std::optional<mvcc::CompactionRules>& asked,
                           const std::optional<std::string>& wal_dir) {
    if (store.traits().member && !store.release()) {
        if (const auto version = cluster_version_in_log(store, wal_dir)) store.take_cluster_version(*version);
    }
    return store::choose_rules(store, asked);
}

void refuse_corrupt(const Findings& findings, const std::string& log, const std::string& consequence) {
    for (const Finding& f : findings) {
        if (f.code != "crc-mismatch") continue;
        throw Error(ErrorKind::damaged,
                    fmt::format("{}: {}; {}", f.where.empty() ? log : f.where, f.what, consequence));
    }
}

}  // namespace kvctl::jobs
