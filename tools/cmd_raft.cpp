#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/jobs/raft_log.hpp"
#include "kvctl/raft/audit.hpp"
#include "kvctl/raftlog/open.hpp"
#include "kvctl/raftlog/write_jsonl.hpp"
#include "kvctl/report/raft_detail.hpp"
#include "kvctl/report/raft_report.hpp"
#include "kvctl/store/open.hpp"
#include "tools/bold.hpp"
#include "tools/commands.hpp"
#include "tools/notes.hpp"
#include "tools/raft_store.hpp"
#include "tools/shared_options.hpp"
#include "tools/sizes.hpp"
#include "tools/values.hpp"

namespace kvctl::cli {
namespace {

struct RaftOptions {
    std::string log;
    bool compact = false;
    LogIndex index;      ///< of `raft compact`
    std::string output;  ///< of `raft compact`
    std::optional<std::string> store;
    std::optional<std::string> wal_dir;
    store::OpenOptions open;
    std::optional<mvcc::CompactionRules> rules;
    std::optional<std::string> version;  ///< of etcd
    bool list = false;
    std::optional<LogIndex> start;
    std::optional<LogIndex> end;
    std::optional<raft::EntryType> type;
    std::optional<Term> term;
    std::optional<raft::RequestKind> request;
    Output display;

    [[nodiscard]] bool filters() const noexcept { return start || end || type || term || request; }
    [[nodiscard]] bool keeps(const raft::EntryFacts& e) const noexcept {
        return (!start || e.index >= *start) && (!end || e.index <= *end) && (!type || e.type == *type) &&
               (!term || e.term == *term) && (!request || e.request == *request);
    }
};

raft::EntryType parse_type(const std::string& text) {
    auto type = raft::entry_type(text);
    if (!type) type = raft::entry_type("Entry" + text);
    if (type) return *type;
    throw Error(ErrorKind::usage, "--entry-type: '" + escape(text) +
                                      "' is not one of EntryNormal, EntryConfChange, EntryConfChangeV2");
}

raft::RequestKind parse_request(const std::string& text) {
    if (const auto kind = raft::request_kind(text)) return *kind;
    std::string names;
    for (std::size_t i = 0; i < raft::k_request_kinds; ++i) {
        names += (i == 0 ? "" : ", ") + std::string(raft::name_of(static_cast<raft::RequestKind>(i)));
    }
    throw Error(ErrorKind::usage, "--request: '" + escape(text) + "' is not one of " + names);
}

RaftOptions parse_raft(const Args& args, const Io& io) {
    const Parsed parsed = parse(raft_options(), args);
    RaftOptions o;
    o.display = output_of(parsed, io);
    const std::vector<std::string>& operands = parsed.operands();
    o.compact = !operands.empty() && operands[0] == "compact" &&
                (operands.size() > 1 || parsed.has("index") || parsed.has("output"));
    parsed.expect_operands(o.compact ? 2 : 1, o.compact ? 2 : 1, o.compact ? "compact LOG" : "LOG");
    o.log = operands.back();
    const auto number = [&](const char* name) -> std::optional<std::uint64_t> {
        const auto text = parsed.value(name);
        if (!text) return std::nullopt;
        return parse_u64(std::string("--") + name, *text);
    };
    if (const auto n = number("start-index")) o.start = LogIndex{*n};
    if (const auto n = number("end-index")) o.end = LogIndex{*n};
    if (const auto n = number("term")) o.term = Term{*n};
    if (const auto text = parsed.value("entry-type")) o.type = parse_type(*text);
    if (const auto text = parsed.value("request")) o.request = parse_request(*text);
    o.list = parsed.has("entries");
    o.store = parsed.value("store");
    o.wal_dir = parsed.value("wal-dir");
    o.version = parsed.value("etcd-version");
    o.open.layout = layout_of(parsed);
    o.open.timeout_ms = static_cast<int>(timeout_of(parsed).count());
    o.rules = rules_of(parsed);
    const auto needs = [&](const char* name, bool met, const char* other) {
        if (parsed.has(name) && !met)
            throw Error(ErrorKind::usage, std::string("--") + name + " goes only with " + other);
    };
    for (const char* const name : {"layout", "tombstones"}) needs(name, o.store.has_value(), "--store");
    for (const char* const name : {"tombstones", "etcd-version"}) needs(name, !o.compact, "'raft LOG'");
    for (const char* const name : {"index", "output"}) needs(name, o.compact, "'raft compact'");
    for (const char* const name : {"start-index", "end-index", "term", "entry-type", "request", "entries"}) {
        needs(name, !o.compact, "'raft LOG'");
    }
    if (o.compact) {
        if (!parsed.has("index") || !parsed.has("output")) {
            throw Error(ErrorKind::usage, "raft compact needs --index I and -o NEW");
        }
        o.index = LogIndex{*number("index")};
        o.output = *parsed.value("output");
    }
    return o;
}

// What the log is held against: the store named with --store, else the db of the same data directory.
class Beside {
  public:
    Beside(const RaftOptions& o, const raftlog::Header& h, StoreView* view) {
        if (view != nullptr) {
            applied_ = view->consistent_index();
            release_ = jobs::release_of(view->store(), o.version);
            return;
        }
        if (o.version) release_ = raftlog::release_of(*o.version);
        applied_ = h.consistent_index;
        if (!h.start_up) return;
        // The log is what was asked about: a db that cannot be read says nothing, and `check` says why.
        try {
            const auto db = store::open_store(h.start_up->folder + "/db", {store::Layout::bbolt});
            applied_ = db->head().consistent_index;
            release_ = jobs::release_of(*db, o.version);
        } catch (const Error& e) {
            if (e.kind() == ErrorKind::interrupted) throw;
        }
    }
    [[nodiscard]] std::optional<LogIndex> applied() const noexcept { return applied_; }
    [[nodiscard]] raftlog::Release release() const noexcept { return release_; }

  private:
    std::optional<LogIndex> applied_;
    raftlog::Release release_ = raftlog::Release::unknown;
};

report::RaftReport report_of(const RaftOptions& o, const raftlog::Header& h, const Beside& beside) {
    report::RaftReport r;
    r.path = o.log;
    r.source = h.kind == raftlog::SourceKind::table ? "store" : o.log;
    r.format = raftlog::name_of(h.kind);
    r.newest_snapshot = raftlog::loaded_snapshot(h, beside.release());
    if (h.start_up) r.start_up = {h.start_up->up_to_3_6.snapshot, h.start_up->from_3_7.snapshot};
    r.hard_state = h.hard_state;
    r.node_id = h.node_id;
    r.cluster_id = h.cluster_id;
    r.consistent_index = beside.applied();
    r.filtered = h.filtered;
    r.read_from = h.path;
    return r;
}

raft::AuditOptions audit_options(const raftlog::Header& h, const report::RaftReport& r) {
    raft::AuditOptions a;
    a.snapshot = h.snapshot;
    a.snapshot_stored = h.snapshot_stored;
    a.hard_state = h.hard_state;
    a.consistent_index = r.consistent_index;
    a.newest_snapshot = r.newest_snapshot;
    a.expect_snapshot_record = h.expect_snapshot_record;
    a.filtered = h.filtered;
    a.text_only = !h.has_data;
    return a;
}

// Everything that one walk over the entries tells, but for the list of them.
class LogPass {
  public:
    LogPass(const raftlog::Header& h, const report::RaftReport& r, const Beside& beside)
        : audit_(audit_options(h, r)),
          start_up_(h, beside.release(), beside.applied()),
          commit_(raftlog::known_commit(h, beside.applied())),
          layout_(h.snapshot, {std::nullopt, beside.applied()}),
          applied_(beside.applied()) {}

    void add(const raftlog::Item& item) {
        audit_.add(item.facts);
        start_up_.add(item.facts);
        layout_.add(item.facts);
        if (commit_.see(item.entry())) ++committed_;
    }

    // Behind the last entry: fills the layout, and returns what was found.
    [[nodiscard]] Findings finish(const raftlog::Source& source, report::RaftReport& r) {
        r.layout = layout_.layout();
        r.counts = layout_.counts();
        if (commit_.last()) r.counts.committed = committed_;
        Findings all = raftlog::findings_of(source, commit_.last(), applied_);
        for (Findings more : {audit_.finish(), start_up_.finish()}) {
            for (Finding& f : more) all.push_back(std::move(f));
        }
        return all;
    }
    [[nodiscard]] raft::Marks marks() const noexcept { return {commit_.last(), applied_}; }

  private:
    raft::Audit audit_;
    raftlog::StartUpAudit start_up_;
    raft::CommitWatch commit_;
    raft::LayoutBuilder layout_;
    std::optional<LogIndex> applied_;
    std::uint64_t committed_ = 0;
};

report::TextStyle style_of(const Output& display) {
    return {display.raw_bytes, display.verbose, format_bytes};
}

bool any_fault(const Findings& findings) {
    for (const Finding& f : findings) {
        if (f.severity != Finding::Severity::info) return true;
    }
    return false;
}

// File names in findings may be any bytes; JSON wants UTF-8.
void append(Findings& to, Findings from) {
    for (Finding& f : from) {
        if (!is_utf8(f.where)) f.where = escape(f.where);
        to.push_back(std::move(f));
    }
}

std::unique_ptr<StoreView> open_store_view(const RaftOptions& o) {
    if (!o.store) return nullptr;
    return std::make_unique<StoreView>(*o.store, o.open, o.rules);
}

int run_list(const RaftOptions& o, Io& io) {
    const auto source = raftlog::open(o.log, o.open.timeout_ms, o.wal_dir);
    const raftlog::Header& h = source->header();
    const auto view = open_store_view(o);
    const Beside beside(o, h, view.get());
    report::RaftReport r = report_of(o, h, beside);
    if (view) {
        view->match(*source);
        r.store = view->check();
    }
    LogPass pass(h, r, beside);

    const bool lists = o.display.format == Format::jsonl || o.list || o.filters();
    const bool prints = lists && !o.display.quiet;
    const bool details = prints && o.display.format == Format::text && h.has_data;
    report::RaftDocument document(io.out);
    if (prints && o.display.format == Format::json) document.begin();
    if (prints && o.display.format == Format::text) report::write_entry_titles(io.out, view != nullptr);
    const auto progress = make_progress(o.display, io);
    std::uint64_t seen = 0;
    std::uint64_t listed = 0;
    source->each(details ? raftlog::Want::data : raftlog::Want::facts, [&](const raftlog::Item& item) {
        if (progress && (++seen & 0x3FFF) == 0) progress->update("reading entries", seen, 0);
        pass.add(item);
        if (!lists || !o.keeps(item.facts)) return true;
        ++listed;
        if (!prints) return true;
        report::RaftEntry e{item.facts, {}, {}, view != nullptr};
        if (view) e.revision = view->revision_of(item.facts.index);
        if (details) e.detail = report::describe_request(item.entry());
        switch (o.display.format) {
            case Format::text:
                report::write_entry_text(io.out, e);
                break;
            case Format::json:
                document.entry(e);
                break;
            case Format::jsonl:
                report::write_entry_line(io.out, e);
                break;
        }
        return static_cast<bool>(io.out);
    });
    if (lists) r.listed = listed;
    append(r.findings, pass.finish(*source, r));
    if (view) append(r.findings, view->findings());
    if (!o.display.quiet) {
        switch (o.display.format) {
            case Format::text:
                if (prints) io.out << '\n';
                report::write_text(BoldFirstLine(io.out, o.display.color).stream(), r, style_of(o.display));
                break;
            case Format::json:
                prints ? document.end(r) : report::write_json(io.out, r);
                break;
            case Format::jsonl:
                report::write_summary_line(io.out, r);
                break;
        }
    }
    write_notes({{}, r.findings}, "", o.display, io);
    return any_fault(r.findings) ? exit_code(ErrorKind::findings) : 0;
}

int run_compact(const RaftOptions& o, Io& io) {
    const auto source = raftlog::open(o.log, o.open.timeout_ms, o.wal_dir);
    const raftlog::Header& h = source->header();
    const auto view = open_store_view(o);
    const Beside beside(o, h, view.get());
    report::RaftReport r = report_of(o, h, beside);
    LogPass pass(h, r, beside);
    const auto progress = make_progress(o.display, io);
    std::uint64_t seen = 0;
    source->each(raftlog::Want::facts, [&](const raftlog::Item& item) {
        if (progress && (++seen & 0x3FFF) == 0) progress->update("reading entries", seen, 0);
        pass.add(item);
        return true;
    });
    Findings findings = pass.finish(*source, r);
    jobs::refuse_corrupt(findings, o.log, "nothing was written: the copy would hide it");
    const auto verdict =
        raft::check_compaction(o.index, r.layout.snapshot.index, r.layout.last_index, pass.marks());
    report::RaftReport::Compaction done;
    done.output = o.output;
    done.result = verdict == raft::CompactVerdict::would_compact ? "compacted" : "already-compacted";
    done.layout = raftlog::write_compacted(*source, o.index, o.output);
    r.compaction = std::move(done);
    append(r.findings, std::move(findings));
    if (!o.display.quiet) {
        switch (o.display.format) {
            case Format::text:
                report::write_text(BoldFirstLine(io.out, o.display.color).stream(), r, style_of(o.display));
                break;
            case Format::json:
                report::write_json(io.out, r);
                break;
            case Format::jsonl:
                report::write_summary_line(io.out, r);
                break;
        }
    }
    write_notes({{}, r.findings}, "", o.display, io);
    return 0;
}

OptionGroup compaction_options() {
    return {"Compaction (raft compact)",
            {
                word("index", "I", "entry I becomes the snapshot position; entries above it stay"),
                file("output", "NEW", "the new log, in JSON Lines; must not exist", 'o'),
            }};
}

OptionGroup against_store_options() {
    return {
        "Store",
        {
            file("store", "DB", "hold the log against this store: what is applied, which revisions it made"),
            wal_dir_option(),
        }};
}

}  // namespace

OptionTable raft_compact_options() {
    return join({{compaction_options(), against_store_options()}, store_options(), output_options()});
}

OptionTable raft_options() {
    return join({{{"Entries",
                   {
                       flag("entries", "list the entries (JSON Lines always do; so does any filter below)"),
                       word("start-index", "I", "only entries from raft index I on"),
                       word("end-index", "I", "only entries up to raft index I"),
                       word("entry-type", "TYPE", "only EntryNormal, EntryConfChange or EntryConfChangeV2"),
                       word("term", "N", "only entries of this term"),
                       word("request", "NAME", "only this request: put, delete_range, txn, compaction, …"),
                   }},
                  compaction_options(),
                  against_store_options()},
                 store_options(),
                 rules_options(),
                 output_options()});
}

int raft(const Args& args, Io& io) {
    const RaftOptions options = parse_raft(args, io);
    return options.compact ? run_compact(options, io) : run_list(options, io);
}

}  // namespace kvctl::cli
