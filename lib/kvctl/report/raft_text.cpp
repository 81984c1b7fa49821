#include <iomanip>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/report/raft_report.hpp"
#include "kvctl/report/table.hpp"

namespace kvctl::report {
namespace {

std::string bytes_text(const std::optional<std::uint64_t>& n, const TextStyle& style) {
    if (!n) return "unknown size";
    return style.raw_bytes || style.format_bytes == nullptr ? fmt::format("{} bytes", *n)
                                                            : style.format_bytes(*n);
}

std::string position(const raft::Dummy& d) {
    return d.term ? fmt::format("index {}, term {}", d.index, *d.term)
                  : fmt::format("index {}, term unknown", d.index);
}

std::string start_text(const std::optional<raft::SnapshotMeta>& start) {
    if (!start) return "does not start";
    if (start->index == LogIndex{0}) return "would begin at index 0";
    return fmt::format("would load the snapshot at index {}, term {}", start->index, start->term);
}

void write_layout(std::ostream& out, const raft::Layout& l, const TextStyle& style) {
    out << "  snapshot    " << position(l.snapshot) << '\n';
    out << "  entries     " << group_digits(l.entries);
    if (l.entries > 0) {
        out << ", index " << l.first_index << " to " << l.last_index << ", " << bytes_text(l.bytes, style);
    }
    out << '\n';
    if (l.entries == 0) return;
    Table terms(2);
    terms.row({"term", "first", "last", "entries", "bytes"});
    for (const raft::TermRun& t : l.terms) {
        terms.row({std::to_string(t.term.value()), std::to_string(t.first_index.value()),
                   std::to_string(t.last_index.value()), group_digits(t.entries),
                   bytes_text(t.bytes, style)});
    }
    out << '\n';
    terms.write(out);
    Table kinds(2);
    for (std::size_t i = 0; i < raft::k_entry_types; ++i) {
        if (l.by_type[i] > 0) {
            kinds.row({std::string(name_of(static_cast<raft::EntryType>(i))), group_digits(l.by_type[i])});
        }
    }
    for (std::size_t i = 0; i < raft::k_request_kinds; ++i) {
        if (l.by_request[i] > 0) {
            kinds.row({"  " + std::string(name_of(static_cast<raft::RequestKind>(i))),
                       group_digits(l.by_request[i])});
        }
    }
    out << '\n';
    kinds.write(out);
}

void write_compaction(std::ostream& out, const RaftReport& r, const TextStyle& style) {
    const RaftReport::Compaction& c = *r.compaction;
    const raft::Layout& after = c.layout.after;
    out << escape(r.path) << ": ";
    if (c.result == "compacted") {
        out << "compacted to raft index " << c.layout.at << " into " << escape(c.output) << '\n';
    } else {
        out << "already compacted to raft index " << after.snapshot.index << "; copied as it is into "
            << escape(c.output) << '\n';
    }
    out << "  removed     " << many(c.layout.removed_entries, "entry") << ", "
        << bytes_text(c.layout.removed_bytes, style) << '\n';
    write_layout(out, after, style);
}

}  // namespace

void write_text(std::ostream& out, const RaftReport& r, const TextStyle& style) {
    if (r.compaction) return write_compaction(out, r, style);
    out << escape(r.path) << ": raft log (" << r.format << ")";
    if (r.node_id) out << ", member " << hex(*r.node_id);
    if (r.cluster_id) out << ", cluster " << hex(*r.cluster_id);
    out << '\n';
    if (style.verbose) out << "  read from   " << escape(r.read_from) << '\n';
    if (r.filtered) out << "  filtered    the dump leaves entries out\n";
    if (r.hard_state) {
        out << "  hard state  term " << r.hard_state->term << ", vote " << hex(r.hard_state->vote)
            << ", commit " << r.hard_state->commit << '\n';
    } else {
        out << "  hard state  not in this log\n";
    }
    if (r.start_up && r.start_up->up_to_3_6 != r.start_up->from_3_7) {
        out << "  start-up    a server up to 3.6 " << start_text(r.start_up->up_to_3_6) << "; 3.7 "
            << start_text(r.start_up->from_3_7) << '\n';
    } else if (r.newest_snapshot) {
        out << "  start-up    a server would load the snapshot at index " << r.newest_snapshot->index
            << ", term " << r.newest_snapshot->term << '\n';
    }
    if (r.counts.committed) out << "  committed   " << many(*r.counts.committed, "entry") << '\n';
    if (r.counts.applied) {
        out << "  applied     " << many(*r.counts.applied, "entry") << " (consistent index "
            << *r.consistent_index << ")\n";
    }
    if (r.store) {
        out << "  store       " << escape(r.store->path) << ", revision " << r.store->current
            << ", compacted ";
        out << (r.store->compacted.value() < 0 ? "never" : fmt::format("to {}", r.store->compacted));
        if (r.store->logged_compaction) out << "; the log asked for " << *r.store->logged_compaction;
        out << '\n';
    }
    write_layout(out, r.layout, style);
}

void write_entry_titles(std::ostream& out, bool with_revision) {
    out << "     index      term  type             bytes  " << (with_revision ? "  revision  " : "")
        << "request\n";
}

void write_entry_text(std::ostream& out, const RaftEntry& e) {
    const std::string_view type = name_of(e.facts.type).substr(std::string_view("Entry").size());
    out << std::setw(10) << e.facts.index.value() << std::setw(10) << e.facts.term.value() << "  "
        << std::left << std::setw(12) << type << std::right << std::setw(10)
        << (e.facts.bytes ? group_digits(*e.facts.bytes) : "-") << "  ";
    if (e.with_revision) out << std::setw(10) << (e.revision ? std::to_string(*e.revision) : "-") << "  ";
    out << name_of(e.facts.request);
    if (!e.detail.empty()) out << ' ' << e.detail;
    out << '\n';
}

}  // namespace kvctl::report
