#include "kvctl/jobs/import.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "kvctl/base/error.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/read_start.hpp"
#include "kvctl/jobs/facts.hpp"
#include "kvctl/jobs/raft_log.hpp"
#include "kvctl/store/conversion.hpp"
#include "kvctl/store/history_file.hpp"
#include "kvctl/store/native/native_writer.hpp"
#include "kvctl/store/sqlite/execute.hpp"
#include "kvctl/store/temp_file.hpp"

namespace kvctl::jobs {
namespace {

// Told by content; what cannot be read twice, a pipe, can only be a history.
bool is_history(const std::string& path) {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0 || S_ISDIR(st.st_mode)) return false;
    if (!S_ISREG(st.st_mode)) return true;
    return store::looks_like_history(read_start(path, 65536));
}

// A row on its way into the new store, counted.
void add(store::NativeWriter& writer, const mvcc::Record& r, report::ImportReport& report) {
    writer.add(r);
    ++report.revisions;
    if (r.tombstone) ++report.tombstones;
    report.bytes += r.key.size() + r.value.size();
    report.current = std::max(report.current, MainRevision(r.revision.main));
}

void add_meta(store::NativeWriter& writer, const store::Meta& meta, report::ImportReport& report) {
    for (const auto& [name, value] : meta) {
        writer.set_meta(name, value);
        if (name == "finished_compact_rev") report.compacted = MainRevision(value);
        if (name == "finished_compact_rev" || name == "scheduled_compact_rev")
            report.current = std::max(report.current, MainRevision(value));
    }
}

void add_leases(store::NativeWriter& writer, const std::vector<store::Lease>& leases,
                report::ImportReport& report) {
    for (const store::Lease& lease : leases) writer.add(lease);
    report.leases = leases.size();
}

// The part of a log that a starting server would load: what lies behind the newest snapshot.
void add_log(store::NativeWriter& writer, raftlog::Source& log, std::optional<LogIndex> consistent_index,
             report::ImportReport& report) {
    const raftlog::Header& header = log.header();
    report::ImportReport::Log facts;
    facts.snapshot = header.newest_snapshot.value_or(
        raft::SnapshotMeta{header.snapshot.index, header.snapshot.term.value_or(Term{0})});
    if (consistent_index && facts.snapshot.index > *consistent_index) {
        report.notes.warnings.emplace_back(
            "the newest raft snapshot is ahead of the db, which a server would first replace by a .snap.db "
            "file");
    }
    std::uint64_t n = 0;
    log.each(raftlog::Want::data, [&](const raftlog::Item& item) {
        if ((++n & 0xFF) == 0) check_interrupt();
        if (item.facts.index <= facts.snapshot.index) return true;
        writer.add_raft_entry(item.facts.index.value(), item.facts.term.value(),
                              static_cast<std::int64_t>(item.facts.type),
                              item.data_present ? std::optional(item.data) : std::nullopt);
        ++facts.entries;
        facts.last_index = item.facts.index;
        return true;
    });
    const auto set = [&](const char* name, std::uint64_t value) {
        writer.set_meta(name, static_cast<std::int64_t>(value));
    };
    set("raft_snapshot_index", facts.snapshot.index.value());
    set("raft_snapshot_term", facts.snapshot.term.value());
    if (header.hard_state) {
        set("raft_term", header.hard_state->term.value());
        set("raft_vote", header.hard_state->vote);
        set("raft_commit", header.hard_state->commit.value());
    }
    Findings findings = log.findings();
    refuse_corrupt(findings, log.header().path,
                   "nothing was written; member/snap/db alone can be imported without its log");
    for (Finding& f : findings) {
        if (f.severity != Finding::Severity::info) report.notes.findings.push_back(std::move(f));
    }
    report.log = facts;
}

void import_history(const ImportRequest& o, Progress* progress, report::ImportReport& report) {
    if (o.open.layout) throw Error(ErrorKind::usage, "--layout: " + o.source + " is a history file");
    store::HistoryReader reader(o.source);
    const store::HistoryHeader& header = reader.header();
    report.source_kind = "history";
    store::NativeWriter::Options options;
    options.key_index = o.key_index;
    store::NativeWriter writer(o.output, options);
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
        report.notes.warnings.push_back("the history's current revision is " +
                                        std::to_string(header.current->value()) +
                                        ", but no row and no counter of it reaches that");
    }
    writer.finish();
}

void import_any(const ImportRequest& o, Progress* progress, report::ImportReport& report) {
    const std::unique_ptr<store::Store> source = store::open_store(o.source, o.open);
    report.source_kind = name_of(source->info().layout);
    report.source_bytes = source->info().file_bytes;
    const std::unique_ptr<store::Conversion> conversion = source->conversion(progress);
    // What is to be written holds at least the keys and values.
    store::check_space({conversion->bytes(), store::folder_of(o.output)}, o.output);
    const std::unique_ptr<raftlog::Source> log = log_of(*source, o.open.timeout_ms);
    store::NativeWriter::Options options;
    options.key_index = o.key_index;
    options.raft_table = log != nullptr;
    store::NativeWriter writer(o.output, options);
    add_meta(writer, conversion->meta(), report);
    add_leases(writer, conversion->leases(), report);
    conversion->each([&](const mvcc::Record& r) { add(writer, r, report); }, progress);
    if (log) add_log(writer, *log, source->head().consistent_index, report);
    for (const std::string& w : conversion->warnings()) report.notes.warnings.push_back(w);
    for (const Finding& f : conversion->findings()) report.notes.findings.push_back(f);
    if (progress != nullptr && o.key_index) progress->update("indexing", 0, 0);
    check_interrupt();
    writer.finish();
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
    (history ? import_history : import_any)(request, progress, r);
    r.store = facts_of(store::open_store(request.output, {})->info());
    return r;
}

}  // namespace kvctl::jobs
