#include <optional>
#include <string>
#include <vector>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/jobs/raft.hpp"
#include "kvctl/report/raft_report.hpp"
#include "tools/bold.hpp"
#include "tools/commands.hpp"
#include "tools/notes.hpp"
#include "tools/shared_options.hpp"
#include "tools/values.hpp"

namespace kvctl::cli {
namespace {

struct RaftOptions {
    jobs::RaftRequest request;
    jobs::RaftFilter filter;
    bool compact = false;
    LogIndex index;      ///< of `raft compact`
    std::string output;  ///< of `raft compact`
    bool list = false;
    Output display;
};

raft::EntryType parse_type(const std::string& text) {
    auto type = raft::entry_type(text);
    if (!type) type = raft::entry_type("Entry" + text);
    if (type) return *type;
    throw usage_error(fmt::format(
        "--entry-type: '{}' is not one of EntryNormal, EntryConfChange, EntryConfChangeV2", escape(text)));
}

// "put|delete_range|..."
const std::string& request_words() {
    static const std::string k_words = [] {
        std::string words;
        for (std::size_t i = 0; i < raft::k_request_kinds; ++i)
            words += (i == 0 ? "" : "|") + std::string(raft::name_of(static_cast<raft::RequestKind>(i)));
        return words;
    }();
    return k_words;
}

raft::RequestKind parse_request(const std::string& text) {
    if (const auto kind = raft::request_kind(text)) return *kind;
    std::string names;
    for (const std::string_view word : words_of(request_words()))
        names += (names.empty() ? "" : ", ") + std::string(word);
    throw usage_error(fmt::format("--request: '{}' is not one of {}", escape(text), names));
}

RaftOptions parse_raft(const Args& args, const Io& io) {
    const Parsed parsed = parse(raft_options(), args);
    RaftOptions o;
    o.display = output_of(parsed, io);
    const std::vector<std::string>& operands = parsed.operands();
    o.compact = !operands.empty() && operands[0] == "compact" &&
                (operands.size() > 1 || parsed.has("index") || parsed.has("output"));
    parsed.expect_operands(o.compact ? 2 : 1, o.compact ? 2 : 1, o.compact ? "compact LOG" : "LOG");
    o.request.log = operands.back();
    const auto number = [&](const char* name) -> std::optional<std::uint64_t> {
        const auto text = parsed.value(name);
        if (!text) return std::nullopt;
        return parse_u64(std::string("--") + name, *text);
    };
    if (const auto n = number("start-index")) o.filter.start = LogIndex{*n};
    if (const auto n = number("end-index")) o.filter.end = LogIndex{*n};
    if (const auto n = number("term")) o.filter.term = Term{*n};
    if (const auto text = parsed.value("entry-type")) o.filter.type = parse_type(*text);
    if (const auto text = parsed.value("request")) o.filter.request = parse_request(*text);
    o.list = parsed.has("entries");
    o.request.store = parsed.value("store");
    o.request.wal_dir = parsed.value("wal-dir");
    o.request.version = parsed.value("etcd-version");
    o.request.open = open_options_of(parsed);
    o.request.rules = rules_of(parsed);
    const auto needs = [&](const char* name, bool met, const char* other) {
        if (parsed.has(name) && !met) throw usage_error(fmt::format("--{} goes only with {}", name, other));
    };
    for (const char* const name : {"layout", "tombstones"})
        needs(name, o.request.store.has_value(), "--store");
    for (const char* const name : {"tombstones", "etcd-version"}) needs(name, !o.compact, "'raft LOG'");
    for (const char* const name : {"index", "output"}) needs(name, o.compact, "'raft compact'");
    for (const char* const name : {"start-index", "end-index", "term", "entry-type", "request", "entries"}) {
        needs(name, !o.compact, "'raft LOG'");
    }
    if (o.compact) {
        if (!parsed.has("index") || !parsed.has("output")) {
            throw usage_error("raft compact needs --index I and -o NEW");
        }
        o.index = LogIndex{*number("index")};
        o.output = *parsed.value("output");
    }
    return o;
}

bool any_fault(const Findings& findings) {
    for (const Finding& f : findings) {
        if (f.severity != Finding::Severity::info) return true;
    }
    return false;
}

void write_summary(const report::RaftReport& r, const Output& display, Io& io) {
    if (display.quiet) return;
    switch (display.format) {
        case Format::text:
            report::write_text(BoldFirstLine(io.out, display.color).stream(), r,
                               {display.raw_bytes, display.verbose, format_bytes});
            break;
        case Format::json:
            report::write_json(io.out, r);
            break;
        case Format::jsonl:
            report::write_summary_line(io.out, r);
            break;
    }
}

int run_list(const RaftOptions& o, Io& io) {
    jobs::RaftLog log(o.request);
    const Format format = o.display.format;
    const bool lists = format == Format::jsonl || o.list || o.filter.filters();
    const bool prints = lists && !o.display.quiet;
    report::RaftDocument document(io.out);
    jobs::RaftLog::Listing listing{o.filter, prints && format == Format::text && log.has_data(), {}};
    bool any = false;
    if (lists) {
        listing.each = [&](const report::RaftEntry& e) {
            if (!prints) return true;
            if (!any && format == Format::text)
                report::write_entry_titles(io.out, o.request.store.has_value());
            any = true;
            if (format == Format::text) report::write_entry_text(io.out, e);
            if (format == Format::json) document.entry(e);
            if (format == Format::jsonl) report::write_entry_line(io.out, e);
            return static_cast<bool>(io.out);
        };
    }
    if (prints && format == Format::json) document.begin();
    const auto progress = make_progress(o.display, io);
    const report::RaftReport r = log.read(listing, progress.get());
    if (prints && format == Format::text) io.out << (any ? "\n" : "no such entry\n\n");
    if (prints && format == Format::json) {
        document.end(r);
    } else {
        write_summary(r, o.display, io);
    }
    write_notes({{}, r.findings}, "", o.display, io);
    return any_fault(r.findings) ? exit_code(ErrorKind::findings) : 0;
}

int run_compact(const RaftOptions& o, Io& io) {
    const auto progress = make_progress(o.display, io);
    const report::RaftReport r = jobs::RaftLog(o.request).compact(o.index, o.output, progress.get());
    write_summary(r, o.display, io);
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
        "Against a store",
        {
            file("store", "DB", "hold the log against this store: what is applied, which revisions it made"),
            wal_dir_option(),
        }};
}

}  // namespace

OptionTable raft_compact_options() {
    return join({{compaction_options(), against_store_options()}, newest_store_options(), output_options()});
}

OptionTable raft_options() {
    return join(
        {{{"Entries",
           {
               flag("entries", "list the entries (JSON Lines always do; so does any filter below)"),
               word("start-index", "I", "only entries from raft index I on"),
               word("end-index", "I", "only entries up to raft index I"),
               offering("EntryNormal|EntryConfChange|EntryConfChangeV2",
                        word("entry-type", "TYPE", "only EntryNormal, EntryConfChange or EntryConfChangeV2")),
               word("term", "N", "only entries of this term"),
               offering(request_words(), word("request", "NAME",
                                              "only this request: put, delete_range, txn, "
                                              "compaction, ...")),
           }},
          compaction_options(),
          against_store_options()},
         newest_store_options(),
         rules_options(),
         output_options()});
}

int raft(const Args& args, Io& io) {
    const RaftOptions options = parse_raft(args, io);
    return options.compact ? run_compact(options, io) : run_list(options, io);
}

}  // namespace kvctl::cli
