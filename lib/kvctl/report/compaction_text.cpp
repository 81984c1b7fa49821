#include <algorithm>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "kvctl/report/spans.hpp"
#include "kvctl/report/table.hpp"

namespace kvctl::report {
namespace {

std::string revision_text(MainRevision r) {
    return r.value() < 0 ? "never" : std::to_string(r.value());
}

std::string revision_text(mvcc::Revision r) {
    return std::to_string(r.main) + "." + std::to_string(r.sub);
}

std::string headline(const CompactionReport& r) {
    const mvcc::CompactionPlan& p = *r.plan;
    const std::string path = escape(r.store.path);
    const std::string at = std::to_string(p.compacted_after.value());
    if (r.result == "would-compact") return "dry run: " + path + " would be compacted to revision " + at;
    if (r.result == "compacted") {
        return r.output.empty() ? path + ": compacted to revision " + at
                                : path + ": compacted to revision " + at + " into " + escape(r.output);
    }
    if (r.result == "partly") return path + ": compacted to revision " + at + " when time was up";
    const std::string dry = r.executed ? "" : "dry run: ";
    if (r.result == "already-fits") return dry + path + ": already fits, nothing to compact";
    if (r.result == "below-min-gain")
        return dry + path + ": too little to gain, nothing " + (r.executed ? "done" : "would be done");
    const bool log_alone =
        r.raft_log && r.raft_log->source == "store" && r.raft_log->after.removed_entries > 0;
    const std::string rest = log_alone ? "; " + grouped(r.raft_log->after.removed_entries) +
                                             (r.executed ? " raft entries removed" : " raft entries would go")
                                       : "";
    if (p.compacted_before.value() < 0) return dry + path + ": nothing to compact yet" + rest;
    return dry + path + ": already compacted to revision " + revision_text(p.compacted_before) +
           (log_alone ? rest : ", nothing to do");
}

void log_text(std::ostream& out, const LogFacts& log, bool executed) {
    const raft::Layout& a = log.after.after;
    out << "\n  raft log   " << grouped(a.entries) << " entries, ";
    if (a.entries > 0) {
        out << a.first_index << " to " << a.last_index << ", behind " << a.snapshot.index;
    } else {
        out << "none behind " << a.snapshot.index;
    }
    if (log.after.removed_entries > 0) {
        out << "; " << grouped(log.after.removed_entries) << (executed ? " removed" : " would go");
    }
    out << '\n';
    for (const raft::TermRun& t : a.terms) {
        out << "    term " << t.term << "   " << t.first_index << " to " << t.last_index << '\n';
    }
}

void live_text(std::ostream& out, const LiveWork::Counts& n) {
    out << "\n  live       " << many(n.transactions, "transaction") << ", the longest " << n.longest_ms
        << " ms; the lock was taken " << many(n.busy_retries, "time");
    if (n.foreign_compactions > 0) out << "; " << many(n.foreign_compactions, "other compaction");
    out << '\n';
}

}  // namespace

void write_text(std::ostream& out, const CompactionReport& r, const TextStyle& style) {
    const mvcc::CompactionPlan& p = *r.plan;
    const bool kine = p.rules.tombstones == mvcc::CompactionRules::Tombstones::kine;
    const auto bytes = [&](std::uint64_t n) {
        return style.raw_bytes ? std::to_string(n) : style.format_bytes(n);
    };
    out << headline(r) << "\n\n";
    out << "  layout     " << r.store.layout;
    if (!kine) out << ", tombstone rule " << name_of(p.rules.tombstones);
    out << "\n  revisions  current " << p.current << ", compacted " << revision_text(p.compacted_before);
    if (p.compacted_after != p.compacted_before)
        out << " before, " << p.compacted_after << (r.executed ? " now" : " then");
    if (p.finishes) out << " (finishing the pending one to " << *p.finishes << ")";
    if (r.target_time && r.target_time->time) {
        out << "\n  written    " << kube::format_time(*r.target_time->time) << ", the next time known "
            << span_text(r.target_time->error) << " later";
    }
    out << "\n\n";

    Table counts(2);
    std::vector<std::string> head{"", "revisions", "tombstones", "keys", "bytes"};
    if (kine) head.insert(head.begin() + 3, "gaps");
    counts.row(head);
    const auto row = [&](const char* name, const mvcc::Tally& t) {
        std::vector<std::string> cells{name, grouped(t.revisions), grouped(t.tombstones), grouped(t.keys),
                                       bytes(t.bytes)};
        if (kine) cells.insert(cells.begin() + 3, grouped(t.gaps));
        counts.row(cells);
    };
    row("before", p.before);
    row(r.executed ? "removed" : "would go", p.removed);
    row(r.executed ? "kept" : "would stay", p.kept);
    counts.write(out);
    if (p.removed.orphans > 0) {
        out << "  " << grouped(p.removed.orphans)
            << " of these are orphans: older rows that nothing points at and that kine "
            << "itself would keep for ever\n";
    }

    if (r.old_values) {
        out << "  " << grouped(r.old_values->values)
            << (r.executed ? " old values cleared, " : " old values would be cleared, ")
            << bytes(r.old_values->bytes) << " of what is kept\n";
    }
    const bool any = std::any_of(r.prefixes.largest.begin(), r.prefixes.largest.end(),
                                 [](const mvcc::PrefixUsage& u) { return u.removed_revisions > 0; });
    if (any) {
        Table prefixes(2);
        prefixes.row({"prefix", "keys", "revisions", r.executed ? "removed" : "would go", "bytes"});
        for (const mvcc::PrefixUsage& u : r.prefixes.largest) {
            if (u.removed_revisions == 0) continue;
            prefixes.row({escape(u.prefix), grouped(u.keys), grouped(u.revisions),
                          grouped(u.removed_revisions), bytes(u.removed_bytes)});
        }
        out << '\n';
        prefixes.write(out);
        if (r.prefixes.truncated) out << "  (more prefixes exist; du shows them)\n";
    }
    if (r.raft_log) log_text(out, *r.raft_log, r.executed);
    if (r.live && r.live->counts) live_text(out, *r.live->counts);

    out << "\n  file       " << bytes(r.file_before) << " before";
    if (r.file_after) out << ", " << bytes(*r.file_after) << (r.executed ? " now" : " then");
    if (r.file_after_vacuum && !r.shrinks) {
        out << "; " << bytes(*r.file_after_vacuum) << " with --vacuum (predicted)";
    } else if (r.predicted && r.file_after) {
        out << " (predicted)";
    }
    out << '\n';
    if (style.verbose) {
        out << "  strategy   " << r.strategy << "\n  took       " << r.duration_ms << " ms\n";
    }
    if (r.list) {
        out << '\n';
        write_list_text(out, *r.index, p);
    }
    write_end(out, r.refusal, r.command, style);
}

void write_list_text(std::ostream& out, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan) {
    mvcc::RemovedRows(index, plan).for_each([&](const mvcc::RemovedRow& row) {
        if (!out) return;
        const mvcc::KeyId key = index.key_of(row.slot);
        out << revision_text(index.revision(row.slot)) << '\t' << name_of(row.reason) << '\t'
            << (row.by ? revision_text(*row.by) : "-") << '\t' << index.bytes_of(row.slot) << '\t'
            << (key < mvcc::k_gap_key ? escape(index.key(key)) : "-") << '\n';
    });
}

}  // namespace kvctl::report
