#include "kvctl/jobs/import.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/openers.hpp"
#include "kvctl/base/read_start.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/jobs/facts.hpp"
#include "kvctl/jobs/plan_check.hpp"
#include "kvctl/jobs/raft_log.hpp"
#include "kvctl/store/archive.hpp"
#include "kvctl/store/conversion.hpp"
#include "kvctl/store/convert.hpp"
#include "kvctl/store/etcd_rules.hpp"
#include "kvctl/store/history_file.hpp"
#include "kvctl/store/holders.hpp"
#include "kvctl/store/one_moment.hpp"
#include "kvctl/store/salvage.hpp"
#include "kvctl/store/space.hpp"
#include "kvctl/store/temp_file.hpp"

namespace kvctl::jobs {

bool is_history(const std::string& path) {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0 || S_ISDIR(st.st_mode)) return false;
    if (!S_ISREG(st.st_mode)) return true;
    return store::looks_like_history(read_start(path, 65536)) || store::is_packed_history(path);
}

namespace {

// A row on its way into the new store, counted.
void add(store::Target& writer, const mvcc::Record& r, report::ImportReport& report) {
    writer.add(r);
    ++report.revisions;
    if (r.tombstone) ++report.tombstones;
    report.bytes += r.key.size() + r.value.size();
    report.current = std::max(report.current, MainRevision(r.revision.main));
}

void add_meta(store::Target& writer, const store::Meta& meta, report::ImportReport& report) {
    for (const auto& [name, value] : meta) {
        writer.set_meta(name, value);
        if (name == "finished_compact_rev") report.compacted = MainRevision(value);
        if (name == "finished_compact_rev" || name == "scheduled_compact_rev")
            report.current = std::max(report.current, MainRevision(value));
    }
}

void add_leases(store::Target& writer, const std::vector<store::Lease>& leases,
                report::ImportReport& report) {
    for (const store::Lease& lease : leases) writer.add(lease);
    report.leases += leases.size();
}

// Where the log of the new store begins: at the snapshot a starting server would load, but never behind what
// the db has applied while the log goes back that far.
raft::SnapshotMeta log_start(const raftlog::Header& header, raftlog::Release release,
                             const store::StoreHead& head, const ImportRequest& o,
                             std::vector<std::string>& warnings) {
    const raft::SnapshotMeta oldest{header.snapshot.index, header.snapshot.term.value_or(Term{0})};
    const raft::SnapshotMeta newest = raftlog::loaded_snapshot(header, release).value_or(oldest);
    if (!head.consistent_index || newest.index <= *head.consistent_index) return newest;
    std::string warning =
        fmt::format("the snapshot at raft index {} is ahead of the db, whose consistent index is {}",
                    newest.index, *head.consistent_index);
    const std::vector<LogIndex> received =
        header.start_up ? header.start_up->received : std::vector<LogIndex>{};
    if (std::find(received.begin(), received.end(), newest.index) != received.end()) {
        warnings.push_back(warning + "; a server would first replace the db by the .snap.db beside it");
        return newest;
    }
    warning += ", and its .snap.db is missing: no server starts";
    if (oldest.index > *head.consistent_index) {
        warnings.push_back(warning + ", and the entries between are not in the log");
        return newest;
    }
    warnings.push_back(fmt::format(
        "{}; {} brings back what the db lacks", warning,
        quoted_command(fmt::format("kvctl replay{} {}", operand(header.path), shell_quoted(o.output)))));
    return oldest;
}

// The part of a log that a starting server would load: what lies behind the newest snapshot.
void add_log(store::Target& target, raftlog::Source& log, store::Store& source, const ImportRequest& o,
             report::ImportReport& report) {
    const raftlog::Header& header = log.header();
    const store::StoreHead head = source.head();
    report::ImportReport::Log facts;
    std::vector<std::string> of_start;
    facts.snapshot = log_start(header, release_of(source), head, o, of_start);
    std::optional<raft::Belonging> belongs;
    if (auto owner = owner_of(source, header)) belongs = belonging(*std::move(owner), header);
    raft::CommitWatch commit(raftlog::known_commit(header, head.consistent_index));
    std::uint64_t n = 0;
    log.each(raftlog::Want::data, [&](const raftlog::Item& item) {
        if ((++n & 0xFF) == 0) check_interrupt();
        (void)commit.see(item.entry());
        if (belongs) belongs->see(item.entry(), item.facts.request);
        if (item.facts.index <= facts.snapshot.index) return true;
        target.add_raft_entry(item.facts.index.value(), item.facts.term.value(),
                              static_cast<std::int64_t>(item.facts.type),
                              item.data_present ? std::optional(item.data) : std::nullopt);
        ++facts.entries;
        facts.last_index = item.facts.index;
        return true;
    });
    const auto set = [&](const char* name, std::uint64_t value) {
        target.set_meta(name, static_cast<std::int64_t>(value));
    };
    set("raft_snapshot_index", facts.snapshot.index.value());
    set("raft_snapshot_term", facts.snapshot.term.value());
    if (header.hard_state) {
        set("raft_term", header.hard_state->term.value());
        set("raft_vote", header.hard_state->vote);
        set("raft_commit", header.hard_state->commit.value());
    }
    if (header.node_id) set("raft_member_id", *header.node_id);
    if (header.cluster_id) set("raft_cluster_id", *header.cluster_id);
    Findings findings = raftlog::findings_of(log, commit.last(), head.consistent_index);
    refuse_corrupt(findings, log.header().path,
                   "nothing was written; member/snap/db alone can be imported without its log");
    // What a server would do at its start is said of its own log.
    if (auto f = foreign_log(belongs, header.path)) {
        findings.push_back(std::move(*f));
    } else {
        for (std::string& w : of_start) report.notes.warnings.push_back(std::move(w));
    }
    for (Finding& f : findings) {
        if (f.severity != Finding::Severity::info) report.notes.findings.push_back(std::move(f));
    }
    report.log = facts;
}

store::TargetRequest target_of(const ImportRequest& o, bool raft_table) {
    return {o.to, o.output, o.key_index, raft_table, o.renumber};
}

void finish(store::Target& target, report::ImportReport& report) {
    target.finish();
    for (std::string& w : target.warnings()) report.notes.warnings.push_back(std::move(w));
}

void import_history(const ImportRequest& o, Progress* progress, report::ImportReport& report) {
    if (o.open.layout) throw usage_error(fmt::format("--layout: {} is a history file", o.source));
    if (o.open.member) throw usage_error(fmt::format("--member: {} is a history file", o.source));
    std::optional<store::Unpacked> unpacked;
    if (store::is_archive(o.source)) unpacked.emplace(o.source, std::nullopt);
    store::HistoryReader reader(unpacked ? unpacked->path() : o.source, o.source);
    const store::HistoryHeader& header = reader.header();
    report.source_kind = "history";
    const store::TargetSource facts{o.source, header.layout == "kine" || header.layout == "dqlite",
                                    header.current.value_or(MainRevision(0))};
    const std::unique_ptr<store::Target> target = store::make_target(target_of(o, false), facts);
    store::Target& writer = *target;
    add_meta(writer, header.meta, report);
    add_leases(writer, header.leases, report);
    reader.each([&](const mvcc::Record& r) {
        add(writer, r, report);
        if ((report.revisions & 0xFFF) == 0) {
            check_interrupt();
            if (progress != nullptr) progress->update("copying", report.revisions, header.rows.value_or(0));
        }
    });
    if (header.current && *header.current > report.current) {
        report.notes.warnings.push_back(
            fmt::format("the history's current revision is {}, but no row and no counter of it reaches that",
                        *header.current));
    }
    finish(writer, report);
}

// An etcd db that becomes one again: every bucket as it is.
void import_buckets(const ImportRequest& o, store::Store& source, Progress* progress,
                    report::ImportReport& report) {
    refuse_faults(source, o.source, progress);
    const mvcc::TreeIndex index =
        source.load(rules_of(source, std::nullopt, o.wal_dir).rules, report.notes.findings, progress);
    store::check_space({store::least_bytes(source, o.to, index.total().revisions, index.total().bytes),
                        store::folder_of(o.output)},
                       o.output);
    store::copy_buckets(source, target_of(o, false), progress);
    report.revisions = index.total().revisions;
    report.tombstones = index.total().tombstones;
    report.bytes = index.total().bytes;
    report.leases = source.leases().size();
}

// The database of a dqlite directory that becomes a kine store.
void import_database(const ImportRequest& o, store::Store& source, Progress* progress,
                     report::ImportReport& report) {
    refuse_faults(source, o.source, progress);
    const mvcc::TreeIndex index =
        source.load(store::choose_rules(source, std::nullopt).rules, report.notes.findings, progress);
    store::check_space({source.info().file_bytes, store::folder_of(o.output)}, o.output);
    store::copy_database(source, o.output);
    report.revisions = index.total().revisions + index.total().gaps;
    report.tombstones = index.total().tombstones;
    report.bytes = index.total().bytes;
}

// Rows, leases and counters of a sound store, and its raft log where the target has a place for one.
void convert(const ImportRequest& o, store::Store& source, raftlog::Source* log, Progress* progress,
             report::ImportReport& report) {
    (void)rules_of(source, std::nullopt, o.wal_dir);  // the conversion asks the store
    const std::unique_ptr<store::Conversion> conversion = source.conversion(o.to, progress);
    refuse_faults(source, o.source, progress);
    store::check_space({store::least_bytes(source, o.to, conversion->rows().value_or(0), conversion->bytes()),
                        store::folder_of(o.output)},
                       o.output);
    const std::unique_ptr<store::Target> target =
        store::make_target(target_of(o, log != nullptr), *conversion, o.source);
    add_meta(*target, conversion->meta(), report);
    store::copy_one_moment(source, [&] {
        add_leases(*target, conversion->leases(), report);
        conversion->each([&](const mvcc::Record& r) { add(*target, r, report); }, progress);
        add_leases(*target, conversion->found_leases(), report);
    });
    if (log && target->takes_log()) add_log(*target, *log, source, o, report);
    for (const std::string& w : conversion->warnings()) report.notes.warnings.push_back(w);
    for (const Finding& f : conversion->findings()) report.notes.findings.push_back(f);
    if (progress != nullptr && (o.key_index || o.to == store::TargetKind::kine))
        progress->update("indexing", 0, 0);
    check_interrupt();
    finish(*target, report);
}

void import_any(const ImportRequest& o, Progress* progress, report::ImportReport& report) {
    const std::unique_ptr<store::Store> source = store::open_store(o.source, o.open);
    report.source_kind = name_of(source->info().layout);
    report.source_bytes = source->info().file_bytes;
    if (auto w = own_log_left_out(*source, o.to, o.wal_dir)) report.notes.warnings.push_back(*std::move(w));
    if (store::keeps_buckets(*source, o.to)) {
        import_buckets(o, *source, progress, report);
        return;
    }
    for (const Finding& f : source->notices()) report.notes.warnings.push_back(f.what);
    if (store::keeps_database(*source, o.to)) {
        import_database(o, *source, progress, report);
        return;
    }
    const bool native = o.to == store::TargetKind::native;
    const std::unique_ptr<raftlog::Source> log =
        native && source->traits().etcd_log ? log_of(*source, o.open.timeout_ms, o.wal_dir) : nullptr;
    convert(o, *source, log.get(), progress, report);
}

void take(store::Salvaged&& salvaged, report::ImportReport& report) {
    report.revisions = salvaged.revisions;
    report.tombstones = salvaged.tombstones;
    report.bytes = salvaged.bytes;
    for (store::LostRange& lost : salvaged.lost)
        report.lost.push_back({lost.from, lost.to, std::move(lost.keys)});
    for (std::string& w : salvaged.warnings) report.notes.warnings.push_back(std::move(w));
}

// A file's, or what the files in a folder have together.
std::uint64_t bytes_of(const std::string& path) {
    std::error_code unreadable;
    if (!std::filesystem::is_directory(path, unreadable)) {
        const std::uintmax_t bytes = std::filesystem::file_size(path, unreadable);
        return unreadable ? 0 : bytes;
    }
    std::uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path, unreadable)) {
        std::error_code none;
        const std::uintmax_t more = entry.is_regular_file(none) ? entry.file_size(none) : 0;
        bytes += none ? 0 : more;
    }
    return bytes;
}

// A damaged store: what can be read of an etcd db goes straight into the target, an SQLite store is copied
// first, and the copy is a sound one.
void import_salvaged(const ImportRequest& o, Progress* progress, report::ImportReport& report) {
    report.salvaged = true;
    if (o.wal_dir) throw usage_error(o.source + ": --wal-dir: --salvage takes rows alone, no log");
    std::optional<store::Unpacked> unpacked;
    std::string file = store::resolve_path(o.source);
    store::OpenOptions inside = o.open;
    if (store::is_archive(file)) {
        file = unpacked.emplace(file, o.open.member).path();
        inside.member.reset();
    }
    const store::Surroundings around = store::look_around(o.source);
    if (!around.excluding.empty()) {
        report.notes.warnings.push_back(fmt::format(
            "a running server holds it, {}: what is read may be torn; stop the server, or salvage a "
            "copy",
            describe_processes(around.excluding)));
    }
    const store::Salvage ways = store::salvage_of(o.source, file, inside);
    report.source_bytes = bytes_of(file);
    if (ways.into_target != nullptr) {
        report.source_kind = ways.kind;
        const std::unique_ptr<store::Target> target =
            store::make_target(target_of(o, false), {.path = o.source});
        take(ways.into_target(o.source, file, *target, progress), report);
        finish(*target, report);
        return;
    }
    store::TempFile copy(o.output);
    take(ways.into_copy(o.source, file, inside, copy, progress), report);
    {
        const std::unique_ptr<store::Store> made = store::open_store(copy.path(), {});
        const std::string_view layout = name_of(made->info().layout);
        report.source_kind = ways.kind.empty() ? layout : ways.kind;
        if (layout != name_of(o.to)) {
            report::ImportReport rest;
            convert(o, *made, nullptr, progress, rest);
            for (std::string& w : rest.notes.warnings) report.notes.warnings.push_back(std::move(w));
            // What was written, which is less where the target has no place for a row.
            report.revisions = rest.revisions;
            report.tombstones = rest.tombstones;
            report.bytes = rest.bytes;
            report.leases = rest.leases;
            return;
        }
    }
    copy.sync();
    check_interrupt();
    copy.publish_as_new(o.output);
}

}  // namespace

report::ImportReport import_store(const ImportRequest& request, Progress* progress) {
    store::expect_new(request.output);
    report::ImportReport r;
    r.source = request.source;
    const bool history = is_history(request.source);
    struct stat st {};
    if (history && ::stat(request.source.c_str(), &st) == 0 && S_ISREG(st.st_mode))
        r.source_bytes = static_cast<std::uint64_t>(st.st_size);
    if (request.salvage) {
        if (history) throw usage_error(fmt::format("--salvage: {} is a history file", request.source));
        import_salvaged(request, progress, r);
    } else {
        (history ? import_history : import_any)(request, progress, r);
    }
    const std::unique_ptr<store::Store> made = store::open_store(request.output, {});
    r.store = facts_of(made->info());
    r.current = made->head().current;
    r.compacted = made->head().compacted;
    return r;
}

}  // namespace kvctl::jobs
