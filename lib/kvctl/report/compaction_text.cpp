#include <algorithm>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/command.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "kvctl/report/spans.hpp"
#include "kvctl/report/table.hpp"

namespace kvctl::report {
namespace {

std::string compacted_text(MainRevision r) {
    return r.value() < 0 ? "never compacted" : fmt::format("compacted {}", r);
}

bool does_something(const CompactionReport& r) {
    return r.result == "compacted" || r.result == "would-compact" || r.result == "partly";
}

// Entries of the store's own log that go; those of another log are only looked at.
std::uint64_t raft_entries_that_go(const CompactionReport& r) {
    return r.raft_log && r.raft_log->source == "store" ? r.raft_log->after.removed_entries : 0;
}

// What the disk gains by it; empty where nothing is.
std::string gain_of(const CompactionReport& r, const TextStyle& style) {
    if (!r.output.empty()) {
        const auto after = r.file_after ? r.file_after : r.file_after_vacuum;
        const std::string less = after ? gain(style, r.file_before, *after, r.executed) : std::string();
        if (less.empty()) return {};
        return fmt::format("{} {} in {}", r.executed ? "shrunk" : "would shrink", less, escape(r.output));
    }
    const std::string now = r.file_after ? gain(style, r.file_before, *r.file_after, r.executed) : "";
    if (!now.empty()) return (r.executed ? "shrunk " : "would shrink ") + now;
    if (!r.file_after_vacuum || *r.file_after_vacuum >= r.file_before || !does_something(r)) return {};
    // What was free before is not this run's.
    const std::uint64_t freed = r.used_before - std::min(r.used_before, *r.file_after_vacuum);
    const bool server_may_run = r.live.has_value();
    return fmt::format(
        "{} {} ({}) in the file; {} shrinks it to {}", r.executed ? "freed" : "would free",
        style.bytes(freed), percent(freed, r.file_before),
        r.executed && !server_may_run ? quoted_command("kvctl vacuum" + operand(r.store.path)) : "--vacuum",
        style.bytes(*r.file_after_vacuum));
}

std::string outcome(const CompactionReport& r, const TextStyle& style) {
    const mvcc::CompactionPlan& p = *r.plan;
    const MainRevision at = p.compacted_after;
    const std::string gained = gain_of(r, style);
    if (r.result == "would-compact")
        return gained.empty() ? fmt::format("would be compacted to revision {}", at) : gained;
    if (r.result == "compacted") {
        const std::string where = r.output.empty() || !gained.empty() ? "" : " into " + escape(r.output);
        return fmt::format("compacted to revision {}{}{}", at, where, gained.empty() ? "" : ", " + gained);
    }
    std::string also = gained.empty() ? "" : "; " + gained;
    if (also.empty() && !r.output.empty())
        also = fmt::format("; {} to {}", r.executed ? "copied" : "would be copied", escape(r.output));
    if (r.result == "partly") return fmt::format("compacted to revision {} when time was up", at);
    if (!r.fits_by.empty()) {
        return fmt::format("fits once shrunk to {}, {} now: {}",
                           style.bytes(r.file_after_vacuum.value_or(r.file_before)),
                           style.bytes(r.file_before), printable(r.fits_by));
    }
    if (r.result == "already-fits")
        return fmt::format("already fits, {} now; nothing to compact{}", style.bytes(r.file_before), also);
    if (r.result == "below-min-gain") {
        const std::uint64_t after = std::min(r.file_before, r.file_after_vacuum.value_or(r.file_before));
        return fmt::format("too little to gain, {} of {}; {}", style.bytes(r.file_before - after),
                           style.bytes(r.file_before), r.executed ? "nothing done" : "nothing would be done");
    }
    const std::uint64_t entries = raft_entries_that_go(r);
    if (!r.alarm.empty()) also += "; " + r.alarm;
    if (r.old_values) also += r.executed ? "; old values cleared" : "; old values would be cleared";
    const std::string log =
        entries > 0 ? fmt::format("; {} {}", many(entries, "raft entry"), r.executed ? "removed" : "would go")
                    : "";
    if (p.compacted_before.value() < 0) return fmt::format("nothing to compact yet{}{}", log, also);
    return fmt::format("already compacted to revision {}{}{}", p.compacted_before, log,
                       log.empty() && also.empty() ? ", nothing to do" : also);
}

std::string headline(const CompactionReport& r, const TextStyle& style) {
    return fmt::format("{}{}: {}", r.executed ? "" : "dry run: ", escape(r.store.path), outcome(r, style));
}

// Whether the run changes, or would change, anything but what the first line says.
bool has_details(const CompactionReport& r, const TextStyle& style) {
    return does_something(r) || raft_entries_that_go(r) > 0 || r.list || style.verbose || !r.output.empty() ||
           !r.refusal.empty() || r.old_values || (r.raft_log && r.raft_log->compacted);
}

void log_text(std::ostream& out, const LogFacts& log, bool executed) {
    const raft::Layout& a = log.after.after;
    out << "\n  raft log   ";
    if (a.entries > 0) {
        out << many(a.entries, "entry") << ", " << a.first_index << " to " << a.last_index << ", behind "
            << a.snapshot.index;
    } else {
        out << "no entry behind " << a.snapshot.index;
    }
    if (log.after.removed_entries > 0) {
        out << "; " << group_digits(log.after.removed_entries) << (executed ? " removed" : " would go");
    }
    out << '\n';
    for (const raft::TermRun& t : a.terms) {
        out << "    term " << t.term << "   " << t.first_index << " to " << t.last_index << '\n';
    }
}

void write_counts(std::ostream& out, const CompactionReport& r, const TextStyle& style) {
    const mvcc::CompactionPlan& p = *r.plan;
    Table counts(2);
    std::vector<std::string> head{"", "revisions"};
    if (p.before.tombstones > 0) head.emplace_back("tombstones");
    if (p.before.gaps > 0) head.emplace_back("gaps");
    head.insert(head.end(), {"keys", "bytes"});
    counts.row(head);
    const auto row = [&](const char* name, const mvcc::Tally& t,
                         std::optional<Meaning> meaning = std::nullopt) {
        std::vector<std::string> cells{name, group_digits(t.revisions)};
        if (p.before.tombstones > 0) cells.push_back(group_digits(t.tombstones));
        if (p.before.gaps > 0) cells.push_back(group_digits(t.gaps));
        cells.insert(cells.end(), {group_digits(t.keys), style.bytes(t.bytes)});
        if (meaning) {
            for (std::string& cell : cells) cell = paint(style, *meaning, cell);
        }
        counts.row(cells);
    };
    row("before", p.before);
    row("freed", p.removed, Meaning::good);
    row("kept", p.kept);
    counts.write(out);
}

void write_prefixes(std::ostream& out, const CompactionReport& r, const TextStyle& style) {
    std::vector<const mvcc::PrefixUsage*> freed;
    for (const mvcc::PrefixUsage& u : r.prefixes.largest) {
        if (u.removed_revisions > 0) freed.push_back(&u);
    }
    if (freed.empty()) return;
    const std::size_t shown = style.fitting(freed.size(), 16 + (r.refusal.empty() ? 0 : 5));
    Table prefixes(2);
    prefixes.fit(style);
    prefixes.row({"prefix", "keys", "revisions", "freed", "bytes"});
    for (std::size_t i = 0; i < std::min(shown, freed.size()); ++i) {
        const mvcc::PrefixUsage& u = *freed[i];
        prefixes.row({escape(u.prefix), group_digits(u.keys), group_digits(u.revisions),
                      group_digits(u.removed_revisions), style.bytes(u.removed_bytes)});
    }
    out << '\n';
    prefixes.write(out);
    if (r.prefixes.truncated || shown < freed.size())
        out << "  (more prefixes exist; " << printable(command_on(r.store.path, "du")) << " shows them)\n";
}

void live_text(std::ostream& out, const LiveWork::Counts& n) {
    out << "\n  live       " << many(n.transactions, "transaction") << ", the longest "
        << group_digits(n.longest_ms) << " ms; the lock was taken " << many(n.busy_retries, "time");
    if (n.foreign_compactions > 0) out << "; " << many(n.foreign_compactions, "other compaction");
    out << '\n';
    if (n.unchanged > 0)
        out << "             " << many(n.unchanged, "revision")
            << " that stay compared with before, values included: unchanged\n";
}

}  // namespace

void write_text(std::ostream& out, const CompactionReport& r, const TextStyle& style) {
    const mvcc::CompactionPlan& p = *r.plan;
    const bool kine = p.rules.tombstones == mvcc::CompactionRules::Tombstones::kine;
    out << headline(r, style) << '\n';
    if (!has_details(r, style)) {
        if (r.shrinks && !r.command.empty() && !gain_of(r, style).empty())
            write_end(out, r.refusal, r.command, style);
        return;
    }
    out << "\n  layout     " << r.store.layout;
    if (!kine) out << ", tombstone rule " << name_of(p.rules.tombstones);
    out << "\n  revisions  current " << p.current << ", " << compacted_text(p.compacted_before);
    if (p.compacted_after != p.compacted_before) out << " before, " << p.compacted_after << " after";
    if (p.finishes) out << " (finishing the pending one to " << *p.finishes << ")";
    if (r.target_time && r.target_time->time) {
        out << "\n  written    " << kube::format_time(*r.target_time->time) << ", the next time known "
            << span_text(r.target_time->error) << " later";
    }
    out << "\n\n";
    write_counts(out, r, style);
    if (!r.converted_to.empty() && r.converted_to != r.store.layout) {
        out << "  counted as the rows of a " << r.store.layout << " store; a " << r.converted_to
            << " file may hold fewer, as the warnings say\n";
    }
    if (p.removed.orphans > 0) {
        out << "  " << group_digits(p.removed.orphans)
            << " of those freed are orphans: older rows that nothing points "
            << "at and that\n  kine itself would keep for ever\n";
    }
    if (r.old_values) {
        out << "  " << group_digits(r.old_values->values)
            << (r.executed ? " old values cleared, " : " old values would be cleared, ")
            << style.bytes(r.old_values->bytes) << " of what is kept\n";
    }
    if (!r.alarm.empty()) out << "  alarm      " << r.alarm << '\n';
    if (does_something(r) && gain_of(r, style).empty()) {
        out << "  file       " << style.bytes(r.file_before) << " before";
        if (r.file_after) out << ", " << style.bytes(*r.file_after) << " after";
        out << '\n';
    }
    write_prefixes(out, r, style);
    if (r.raft_log) log_text(out, *r.raft_log, r.executed);
    if (r.live && r.live->counts) live_text(out, *r.live->counts);
    if (style.verbose) {
        out << "\n  strategy   " << r.strategy << "\n  took       " << group_digits(r.duration_ms) << " ms\n";
    }
    if (r.list) {
        out << '\n';
        write_list_text(out, *r.index, p);
    }
    const bool idle = r.result == "below-min-gain" ||
                      (!does_something(r) && raft_entries_that_go(r) == 0 && !r.old_values &&
                       r.alarm.empty() && r.output.empty() && (!r.shrinks || gain_of(r, style).empty()));
    write_end(out, r.refusal, idle ? std::string() : r.command, style);
}

void write_list_text(std::ostream& out, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan) {
    mvcc::RemovedRows(index, plan).for_each([&](const mvcc::RemovedRow& row) {
        if (!out) return;
        const mvcc::KeyId key = index.key_of(row.slot);
        out << index.revision(row.slot) << '\t' << name_of(row.reason) << '\t'
            << (row.by ? to_string(*row.by) : "-") << '\t' << index.bytes_of(row.slot) << '\t'
            << (key < mvcc::k_gap_key ? escape(index.key(key)) : "-") << '\n';
    });
}

}  // namespace kvctl::report
