#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <sstream>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/report/compaction_report.hpp"
#include "kvctl/sqlite/holders.hpp"
#include "kvctl/store/open.hpp"
#include "kvctl/store/temp_file.hpp"
#include "tools/bold.hpp"
#include "tools/commands.hpp"
#include "tools/compact_decision.hpp"
#include "tools/compact_options.hpp"
#include "tools/compact_space.hpp"
#include "tools/held_store.hpp"
#include "tools/new_file.hpp"
#include "tools/notes.hpp"
#include "tools/sizes.hpp"

namespace kvctl::cli {
namespace {

using Clock = std::chrono::steady_clock;

std::string_view result_of(const Decision& d, bool executed) {
    switch (d.kind) {
        case Decision::Kind::compact:
            return executed ? "compacted" : "would-compact";
        case Decision::Kind::already_compacted:
            return "already-compacted";
        case Decision::Kind::already_fits:
            return "already-fits";
        case Decision::Kind::below_min_gain:
            return "below-min-gain";
    }
    return "";
}

std::uint64_t file_size(const std::string& path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 ? static_cast<std::uint64_t>(st.st_size) : 0;
}

report::CompactionReport start_report(const store::StoreInfo& info, const CompactOptions& options) {
    report::CompactionReport r;
    r.store = {info.path, std::string(name_of(info.layout)), info.file_bytes, info.page_size,
               info.free_pages};
    r.file_before = info.file_bytes;
    r.executed = !options.dry_run;
    r.shrinks = options.vacuum;
    r.list = options.list && !options.list_file;
    r.command = options.command;
    return r;
}

void print(const report::CompactionReport& r, const CompactOptions& options, Io& io) {
    if (options.output_style.quiet) return;
    if (options.output_style.format == Format::json) {
        report::write_json(io.out, r);
    } else if (options.output_style.format == Format::jsonl) {
        report::write_jsonl(io.out, r);
    } else {
        write_notes(r.notes, "", options.output_style, io);
        BoldFirstLine bold(io.out, options.output_style.color);
        report::write_text(bold.stream(), r,
                           {options.output_style.raw_bytes, options.output_style.verbose, format_bytes});
    }
}

Error read_only_layout(const std::string& path) {
    return {ErrorKind::read_only_layout,
            path + ": an etcd db is never written; 'kvctl import' or 'compact -o NEW' makes a native store"};
}

// The list goes to its file before anything is changed, so that a full disk costs nothing.
void write_list(const CompactOptions& options, const Decision& d) {
    if (!options.list_file) return;
    NewFile file(*options.list_file);
    if (options.output_style.format == Format::text) {
        report::write_list_text(file.stream(), d.index, d.plan);
    } else {
        report::write_list_jsonl(file.stream(), d.index, d.plan);
    }
    file.commit();
}

// True when the store's file will be another one afterwards.
bool changes(const CompactOptions& options, const Decision& d) {
    return d.works() || (options.vacuum && d.may_shrink());
}

// Why the real run would end without doing anything once nobody else has the store. Damage of rows is a
// finding already.
report::Refusal refusal_of_work(store::Store& store, const CompactOptions& options, Decision& d,
                                bool vacuums_in_place) {
    report::Refusal r;
    try {
        auto* const sqlite = dynamic_cast<store::SqliteStore*>(&store);
        if (sqlite == nullptr && !options.output) throw read_only_layout(options.path);
        const bool writes = options.output ? d.kind != Decision::Kind::below_min_gain : changes(options, d);
        if (sqlite != nullptr && !options.output && writes) {
            try {
                store::check_executable(*sqlite);
            } catch (const Error& e) {
                d.notes.findings.push_back({Finding::Severity::error, "not-executable",
                                            "table " + sqlite->table().name, e.what(), std::nullopt});
                throw;
            }
        }
        const bool copies = options.output || (d.works() && d.strategy == store::Strategy::rewrite);
        if (sqlite != nullptr && writes && copies) store::check_copyable(*sqlite);
        check_decision(store.info(), d);
        if (sqlite == nullptr || !writes) return r;
        if (auto space = look_for_space(*sqlite, d, options, vacuums_in_place)) {
            r.ways = std::move(space->ways);
            throw Error(ErrorKind::no_space, space->message);
        }
    } catch (const Error& e) {
        r.reason = e.what();
        r.kind = kind_name(e.kind());
    }
    return r;
}

// The same as things stand: a server that has the store open comes first.
report::Refusal refusal(store::Store& store, const CompactOptions& options, Decision& d,
                        const Surroundings& around) {
    const bool in_place = !why_in_place(around, store.info()).empty();
    report::Refusal r = refusal_of_work(store, options, d, in_place);
    if (options.output || !changes(options, d)) return r;
    return held_refusal(store.info(), around.holders, std::move(r));
}

int finish(report::CompactionReport& r, Decision& d, const CompactOptions& options, Clock::time_point start,
           Io& io) {
    r.result = result_of(d, !options.dry_run);
    r.index = &d.index;
    r.plan = &d.plan;
    r.strategy = name_of(d.strategy);
    r.raft_log = d.log;
    r.old_values = d.old_values;
    r.file_after_vacuum = r.file_after_vacuum ? r.file_after_vacuum : d.shrunk_bytes;
    r.notes = d.notes;
    r.duration_ms = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
    if (d.kind == Decision::Kind::below_min_gain) {
        // Nothing goes: the counts say so, and the target stays what was asked for.
        r.old_values.reset();
        d.plan.removed = {};
        d.plan.kept = d.plan.before;
        d.plan.removed_slots = mvcc::SlotSet(d.plan.above);
        d.plan.compacted_after = d.plan.compacted_before;
        for (mvcc::PrefixUsage& u : d.plan.prefixes) u.removed_revisions = u.removed_bytes = 0;
    }
    print(r, options, io);
    const bool shortens = d.raft_compact_to && d.log && d.log->after.removed_entries > 0;
    return options.exit_code && (d.plan.removed.revisions > 0 || shortens) ? exit_code(ErrorKind::findings)
                                                                           : 0;
}

void stay_in_place(Decision& d, const std::string& why) {
    if (why.empty() || !d.works() || d.strategy != store::Strategy::rewrite) return;
    d.strategy = store::Strategy::in_place;
    d.notes.warnings.push_back(why);
}

int forecast(const CompactOptions& options, Clock::time_point start, Io& io) {
    auto progress = make_progress(options.output_style, io);  // taken away before the report
    const Surroundings around = look_around(options.path);
    const std::unique_ptr<store::Store> store = store::open_store(options.path, options.open);
    Decision d = decide(*store, options, progress.get());
    const store::StoreInfo& info = store->info();
    if (info.layout != store::Layout::bbolt && !options.output) stay_in_place(d, why_in_place(around, info));
    report::CompactionReport r = start_report(info, options);
    const bool works = d.works();
    const bool new_file =
        (options.vacuum && d.may_shrink()) || (works && d.strategy == store::Strategy::rewrite);
    r.file_after = new_file ? d.shrunk_bytes : std::optional(works ? info.bytes_with_wal() : info.file_bytes);
    if (works && !new_file && info.shrinks_itself) {
        r.file_after.reset();
        d.notes.warnings.emplace_back(
            "auto_vacuum gives pages back as they fall free; how many that are shows when it is done");
    }
    if (options.output) store::refuse_existing(*options.output);
    if (options.backup && changes(options, d)) store::refuse_existing(*options.backup);
    r.refusal = refusal(*store, options, d, around);
    write_list(options, d);
    progress.reset();
    return finish(r, d, options, start, io);
}

void refuse_without_space(const store::SqliteStore& store, const Decision& d, const CompactOptions& options,
                          bool vacuums_in_place) {
    if (const auto space = look_for_space(store, d, options, vacuums_in_place))
        throw Error(ErrorKind::no_space, space->message);
}

int write_output(const CompactOptions& options, Clock::time_point start, Io& io) {
    store::expect_new(*options.output);
    auto progress = make_progress(options.output_style, io);  // taken away before the report
    const std::unique_ptr<store::Store> store = store::open_store(options.path, options.open);
    Decision d = decide(*store, options, progress.get());
    const auto* const sqlite = dynamic_cast<const store::SqliteStore*>(store.get());
    const bool gains = d.kind != Decision::Kind::below_min_gain;
    if (sqlite != nullptr && gains) store::check_copyable(*sqlite);
    check_decision(store->info(), d);
    report::CompactionReport r = start_report(store->info(), options);
    r.output = *options.output;
    if (!gains) return finish(r, d, options, start, io);
    Provisional made;
    write_list(options, d);
    if (options.list_file) made.add(*options.list_file);
    if (sqlite != nullptr) refuse_without_space(*sqlite, d, options, false);
    store::Execution execution;
    execution.drop_old_values = options.drop_old_values;
    execution.raft_compact_to = d.raft_compact_to;
    execution.progress = progress.get();
    store::execute_to_output(*store, d.index, d.plan, execution, *options.output);
    made.keep();
    r.predicted = false;
    r.file_after = r.file_after_vacuum = file_size(*options.output);
    progress.reset();
    return finish(r, d, options, start, io);
}

// The work itself; whether it made the file smaller.
bool carry_out(store::SqliteWritable& writable, const CompactOptions& options, Decision& d,
               Progress* progress) {
    bool shrunk = false;
    Provisional::carry_out(writable, [&](Provisional& made) {
        const bool works = d.works();
        if (options.backup && changes(options, d)) {
            writable.backup(*options.backup);
            made.add(*options.backup);
        }
        write_list(options, d);
        if (options.list_file) made.add(*options.list_file);
        store::Execution execution;
        execution.drop_old_values = options.drop_old_values;
        execution.raft_compact_to = d.raft_compact_to;
        execution.progress = progress;
        if (works && d.strategy == store::Strategy::rewrite) {
            store::execute_rewrite(writable, d.index, d.plan, execution);
            shrunk = true;
        } else if (works) {
            store::execute_in_place(writable, d.index, d.plan, execution, options.batch);
        }
        if (!shrunk && options.vacuum && d.may_shrink()) {
            store::shrink(writable, progress);
            shrunk = true;
        }
        writable.close();
    });
    return shrunk;
}

int execute(const CompactOptions& options, Clock::time_point start, Io& io) {
    auto progress = make_progress(options.output_style, io);  // taken away before the report
    store::OpenOptions open = options.open;
    open.waiting = progress.get();
    store::SqliteWritable writable = store::SqliteWritable::open(options.path, open);
    store::check_executable(writable.store());
    Decision d = decide(writable.store(), options, progress.get());
    check_decision(writable.info(), d);
    const store::StoreInfo info = writable.info();
    report::CompactionReport r = start_report(info, options);
    const std::string in_place = why_in_place(writable.hard_links() > 1, !writable.idle_holders().empty());
    stay_in_place(d, in_place);
    if (changes(options, d)) {
        if (options.backup) store::expect_new(*options.backup);
        refuse_without_space(writable.store(), d, options, !in_place.empty());
        if (needs_checkpoint(writable.store(), d, options, !in_place.empty())) writable.checkpoint();
    }
    const bool shrunk = carry_out(writable, options, d, progress.get());
    r.predicted = false;
    r.file_after = file_size(info.real_path);
    if (shrunk) r.file_after_vacuum = r.file_after;
    r.shrinks = shrunk;
    progress.reset();
    return finish(r, d, options, start, io);
}

// A run that writes nothing; nullopt, where asked, when there is something to write.
std::optional<int> by_a_look(const CompactOptions& options, Clock::time_point start, Io& io,
                             bool unless_work) {
    const std::unique_ptr<store::Store> store = store::open_store(options.path, options.open);
    Decision d = decide(*store, options, nullptr);
    if (unless_work && changes(options, d)) return std::nullopt;
    report::CompactionReport r = start_report(store->info(), options);
    r.predicted = false;
    r.file_after = store->info().file_bytes;
    return finish(r, d, options, start, io);
}

// True when a look is enough to know that nothing is to be done, or that it cannot be: the store is then
// never opened for writing.
bool look_is_enough(const CompactOptions& options) {
    if (!options.rev && !options.keep_last && !options.target_size) return true;
    if (store::needs_rollback(options.path)) return false;
    store::OpenOptions at_once = options.open;
    at_once.timeout_ms = 0;
    try {
        const std::unique_ptr<store::Store> store = store::open_store(options.path, at_once);
        const store::StoreHead head = store->head();
        if (options.rev && *options.rev > head.current) return true;
        if (options.vacuum || options.compacts_raft() || options.target_size || head.pending()) return false;
        if (options.rev) return *options.rev <= head.compacted;
        return *options.keep_last >=
               static_cast<std::uint64_t>(head.current.value() - head.compacted.value());
    } catch (const Error& e) {
        // Whoever holds the store, the writer will wait for it and say so.
        if (e.kind() == ErrorKind::busy) return false;
        throw;
    }
}

}  // namespace

int compact(const Args& args, Io& io) {
    const Clock::time_point start = Clock::now();
    CompactOptions options = parse_compact(args, io);
    if (options.dry_run) return forecast(options, start, io);
    if (options.output) return write_output(options, start, io);
    if (store::is_bbolt(store::resolve_path(options.path))) {
        (void)store::open_store(options.path, options.open);  // a folder may hold no etcd db at all
        throw read_only_layout(options.path);
    }
    if (look_is_enough(options)) return *by_a_look(options, start, io, false);
    try {
        return execute(options, start, io);
    } catch (const Error& e) {
        // Where only the rows can tell, that nothing is to be done shows beside a server as well.
        if (e.kind() != ErrorKind::in_use || !(options.target_size || options.min_gain)) throw;
        if (const auto code = by_a_look(options, start, io, true)) return *code;
        throw;
    }
}

}  // namespace kvctl::cli
