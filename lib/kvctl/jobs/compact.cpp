#include "kvctl/jobs/compact.hpp"

#include <sys/stat.h>

#include "kvctl/base/error.hpp"
#include "kvctl/base/files.hpp"
#include "kvctl/jobs/compact_age.hpp"
#include "kvctl/jobs/compact_decision.hpp"
#include "kvctl/jobs/compact_live.hpp"
#include "kvctl/jobs/compact_parts.hpp"
#include "kvctl/jobs/compact_space.hpp"
#include "kvctl/jobs/held.hpp"
#include "kvctl/jobs/provisional.hpp"
#include "kvctl/store/convert.hpp"
#include "kvctl/store/holders.hpp"
#include "kvctl/store/live.hpp"
#include "kvctl/store/temp_file.hpp"
#include "kvctl/store/writable.hpp"

// open → decide → refuse or carry out → result, for a forecast, a store in place, and a new file.
namespace kvctl::jobs {
namespace {

void stay_in_place(Decision& d, const std::string& why) {
    if (why.empty() || !d.works() || d.strategy != store::Strategy::rewrite) return;
    d.strategy = store::Strategy::in_place;
    d.notes.warnings.push_back(why);
}

constexpr const char* k_live_way_out = "; or leave it running and say --live";

// --- a forecast

struct Forecast {
    std::unique_ptr<store::Store> store;
    Decision decision;
};

// An etcd db is looked at without its lock. A server that commits meanwhile may pull pages away from under
// the reader: then all begins again, some times.
Forecast decide_beside_writers(const CompactRequest& request, Progress* progress) {
    store::OpenOptions open = request.open;
    open.without_lock = true;
    for (int again = 10;; --again) {
        std::unique_ptr<store::Store> store = store::open_store(request.path, open);
        const bool last = store->traits().in_place || again == 0;
        try {
            Decision d = decide(*store, request, false, progress);
            if (last || !store->changed()) return {std::move(store), std::move(d)};
        } catch (const Error& e) {
            if (last || e.kind() != ErrorKind::damaged || !store->changed()) throw;
        }
    }
}

store::TargetRequest target_of(const CompactRequest& request) {
    return {*request.to, *request.output, false, false, request.renumber, request.drop_old_values};
}

// What the report says of the new file is counted as the file counts.
void take(store::Converted done, Decision& d) {
    for (std::string& w : done.warnings) d.notes.warnings.push_back(std::move(w));
    for (Finding& f : done.findings) d.notes.findings.push_back(std::move(f));
    if (done.current) d.plan.current = *done.current;
    if (done.compacted) d.plan.compacted_after = *done.compacted;
}

void tell_conversion(store::Store& store, const CompactRequest& request, Decision& d, Progress* progress) {
    take(store::foretell_conversion(store, *d.index, d.plan, target_of(request), progress), d);
}

// Why the real run would end without doing anything once nobody else has the store. Damage of rows is a
// finding already.
report::Refusal refusal_of_work(store::Store& store, const CompactRequest& request, Decision& d,
                                bool keeps_file, Progress* progress) {
    report::Refusal r;
    const bool writes = request.output ? d.kind != Decision::Kind::below_min_gain : d.changes(request.vacuum);
    try {
        if (!request.output) store::refuse_read_only(request.path, request.open);
    } catch (const Error& e) {
        r.reason = e.what();
        r.kind = kind_name(e.kind());
        // What is only read can be made anew.
        const char* const output = store.traits().names_cluster ? "-o NEWDIR" : "-o FILE";
        if (e.kind() == ErrorKind::usage || e.kind() == ErrorKind::read_only_layout)
            r.ways.push_back({output, {}, d.shrunk_bytes.value_or(0), true});
        return r;
    }
    try {
        if (!request.output && (writes || request.live || store.traits().names_cluster))
            store.check_executable(d.notes.findings);
        if (request.live) store::refuse_unless_live(store);
        if (request.output && writes) store.check_name(false);
        const bool copies = request.output ? !converts(store, request) : d.steps(request.vacuum).rewrites;
        if (writes && copies) d.model->check_copyable();
        check_request(store, request, d);
        if (!writes) return r;
        check_decision(store.info(), d);
        if (request.output && converts(store, request)) tell_conversion(store, request, d, progress);
        if (!request.output) store::check_writable(store.info().path, store.info().real_path);
        if (auto space = look_for_space(store, d, request, keeps_file)) {
            r.ways = std::move(space->ways);
            throw Error(ErrorKind::no_space, space->message);
        }
    } catch (const Error& e) {
        if (e.kind() == ErrorKind::usage) throw;
        r.reason = e.what();
        r.kind = kind_name(e.kind());
    }
    return r;
}

// The same as things stand: a server that has the store open comes first.
report::Refusal refusal(store::Store& store, const CompactRequest& request, Decision& d,
                        const store::Surroundings& around, Progress* progress) {
    const bool keeps_file = request.live || !store::why_in_place(around, store.info()).empty();
    report::Refusal r = refusal_of_work(store, request, d, keeps_file, progress);
    // What a server keeps locked cannot even be copied beside it.
    // A dqlite directory is read beside its node, and only a new one of its kind asks that it has stopped.
    const bool writes_output =
        d.kind != Decision::Kind::below_min_gain && !(around.nodes && converts(store, request));
    const bool meets_it = request.output ? store.info().locked_for_life && writes_output
                                         : !request.live && !around.nodes && d.changes(request.vacuum);
    if (!meets_it) return r;
    r = held_refusal(store.info(), around, request.output.has_value(), std::move(r));
    if (!r.pids.empty() && goes_live(store)) r.reason += k_live_way_out;
    return r;
}

void foretell_size(const store::StoreInfo& info, const CompactRequest& request, Decision& d,
                   report::CompactionReport& r) {
    if (request.output && d.kind != Decision::Kind::below_min_gain) {
        r.file_after = d.shrunk_bytes;
        return;
    }
    const Steps steps = d.steps(request.vacuum);
    r.file_after = steps.new_file() ? d.shrunk_bytes
                                    : std::optional(steps.works ? info.bytes_with_wal() : info.file_bytes);
    if (!steps.works || steps.new_file() || !info.shrinks_itself) return;
    r.file_after.reset();
    d.notes.warnings.emplace_back(
        "auto_vacuum gives pages back as they fall free; how many that are shows when it is done");
}

// --- the real run

// The work itself; whether it made the file smaller.
bool carry_out(store::WritableStore& writable, const CompactRequest& request, Decision& d,
               Progress* progress) {
    const Steps steps = d.steps(request.vacuum);
    Provisional::carry_out(writable, [&](Provisional& made) {
        if (request.backup && d.changes(request.vacuum)) {
            writable.backup(*request.backup);
            made.add(*request.backup);
        }
        write_list(request, d, made);
        if (steps.works) {
            const store::Execution execution{
                request.drop_old_values, d.raft_compact_to, progress, d.disarms, {}};
            writable.execute(*d.index, d.plan, d.strategy, request.batch, execution);
        }
        if (steps.shrinks) writable.shrink(progress);
        writable.close();
    });
    return steps.new_file();
}

CompactResult execute(const CompactRequest& request, Progress* progress) {
    store::OpenOptions open = request.open;
    open.waiting = progress;
    const std::unique_ptr<store::WritableStore> writable = store::open_writable(request.path, open);
    store::Store& store = writable->store();
    Decision d;
    store.check_executable(d.notes.findings);
    d = decide(store, request, true, progress);
    const store::StoreInfo info = store.info();
    check_request(store, request, d);
    if (d.changes(request.vacuum)) check_decision(info, d);
    report::CompactionReport r = start_report(info, request, true);
    const std::string why_in_place = writable->why_in_place();
    stay_in_place(d, why_in_place);
    if (d.changes(request.vacuum)) {
        if (request.backup) store::expect_new(*request.backup);
        refuse_without_space(store, d, request, !why_in_place.empty());
        if (needs_room_of_wal(info, d, request, !why_in_place.empty())) writable->make_room();
    }
    r.shrinks = carry_out(*writable, request, d, progress);
    r.predicted = false;
    r.file_after = file_size(info.real_path);
    if (r.shrinks) r.file_after_vacuum = r.file_after;
    return finish(std::move(r), std::move(d));
}

bool is_folder(const std::string& path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

CompactResult write_output(const CompactRequest& request, Progress* progress) {
    store::expect_new(*request.output);
    store::OpenOptions open = request.open;
    open.against_writers = true;
    const std::unique_ptr<store::Store> store = store::open_store(request.path, open);
    Decision d = decide(*store, request, true, progress);
    check_request(*store, request, d);
    if (d.kind != Decision::Kind::below_min_gain) {
        store->check_name(false);
        if (!converts(*store, request)) d.model->check_copyable();
        check_decision(store->info(), d);
    }
    report::CompactionReport r = start_report(store->info(), request, true);
    r.output = *request.output;
    Provisional made;
    write_list(request, d, made);
    if (d.kind == Decision::Kind::below_min_gain) {
        made.keep();
        r.predicted = false;
        r.file_after = store->info().file_bytes;
        return finish(std::move(r), std::move(d));
    }
    refuse_without_space(*store, d, request, false);
    if (converts(*store, request)) {
        take(store::convert_compacted(*store, *d.index, d.plan, target_of(request), d.disarms, progress), d);
        r.converted_to = name_of(*request.to);
    } else {
        store->write_compacted(
            *d.index, d.plan,
            {request.drop_old_values, d.raft_compact_to, progress, d.disarms, request.voter},
            *request.output);
    }
    made.keep();
    r.predicted = false;
    // Of a directory the database in it, as before.
    r.file_after = r.file_after_vacuum =
        is_folder(*request.output) ? store::open_store(*request.output, request.open)->info().file_bytes
                                   : file_size(*request.output);
    return finish(std::move(r), std::move(d));
}

// A run that writes nothing; nullopt, where asked, when there is something to write.
std::optional<CompactResult> by_a_look(const CompactRequest& request, bool unless_work) {
    const std::unique_ptr<store::Store> store = store::open_store(request.path, request.open);
    Decision d = decide(*store, request, true, nullptr);
    if (unless_work && d.changes(request.vacuum)) return std::nullopt;
    Provisional made;
    write_list(request, d, made);
    made.keep();
    report::CompactionReport r = start_report(store->info(), request, true);
    r.predicted = false;
    r.file_after = store->info().file_bytes;
    return finish(std::move(r), std::move(d));
}

// True when a look is enough to know that nothing is to be done, or that it cannot be: the store is then
// never opened for writing.
bool look_is_enough(const CompactRequest& request) {
    if (!request.rev && !request.keep_last && !request.target_size) return true;
    if (store::needs_rollback(request.path)) return false;
    store::OpenOptions at_once = request.open;
    at_once.timeout_ms = 0;
    try {
        const std::unique_ptr<store::Store> store = store::open_store(request.path, at_once);
        const store::StoreHead head = store->head();
        if (request.rev && *request.rev > head.current) return true;
        if (request.vacuum || request.disarm || request.compacts_raft() || request.target_size ||
            request.drop_old_values || head.pending())
            return false;
        if (request.rev) return *request.rev <= head.compacted;
        return *request.keep_last >=
               static_cast<std::uint64_t>(head.current.value() - head.compacted.value());
    } catch (const Error& e) {
        // Whoever holds the store, the writer will wait for it and say so.
        if (e.kind() == ErrorKind::busy) return false;
        throw;
    }
}

// Before a writer finds it out by itself, without the way out. Whether anything is to be done shows to one
// who only reads.
void refuse_unwritable(const CompactRequest& request) {
    store::check_writable(request.path, store::resolve_path(request.path));
}

// By age: the revision is found first, and is then compacted to as any other.
CompactResult by_age(const CompactRequest& request, Progress* progress,
                     CompactResult (*run)(const CompactRequest&, Progress*)) {
    const ByAge by = find_age(request, progress);
    CompactResult result = run(by.request, progress);
    result.report.target_time = by.target;
    for (const std::string& warning : by.notes.warnings) result.report.notes.warnings.push_back(warning);
    return result;
}

}  // namespace

CompactResult forecast_compaction(const CompactRequest& request, Progress* progress) {
    if (request.keep_within) return by_age(request, progress, forecast_compaction);
    const store::Surroundings around = store::look_around(request.path);
    auto [store, d] = decide_beside_writers(request, progress);
    const store::StoreInfo& info = store->info();
    if (store->traits().in_place && !request.output) stay_in_place(d, store::why_in_place(around, info));
    report::CompactionReport r = start_report(info, request, false);
    r.output = request.output.value_or("");
    if (request.output && converts(*store, request)) r.converted_to = name_of(*request.to);
    foretell_size(info, request, d, r);
    if (request.live) r.live.emplace();
    if (!store->traits().in_place) r.shrinks = d.changes(request.vacuum);
    if (request.output) store::refuse_existing(*request.output);
    if (request.backup && d.changes(request.vacuum)) store::refuse_existing(*request.backup);
    r.refusal = refusal(*store, request, d, around, progress);
    Provisional made;
    write_list(request, d, made);
    made.keep();
    return finish(std::move(r), std::move(d));
}

CompactResult compact(const CompactRequest& request, Progress* progress) {
    if (!request.output) store::refuse_read_only(request.path, request.open);
    if (request.keep_within) {
        // A transaction that was cut short keeps every reader out; a writer takes it back.
        if (!request.output && !request.live && store::needs_rollback(request.path))
            store::open_writable(request.path, request.open)->close();
        return by_age(request, progress, compact);
    }
    if (request.live) {
        refuse_unwritable(request);
        return compact_live(request, progress);
    }
    if (request.output) return write_output(request, progress);
    if (look_is_enough(request)) return *by_a_look(request, false);
    refuse_unwritable(request);
    try {
        return execute(request, progress);
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::in_use) throw;
        // Where only the rows can tell, that nothing is to be done shows beside a server as well.
        if (request.target_size || request.min_gain) {
            if (auto looked = by_a_look(request, true)) return std::move(*looked);
        }
        if (!goes_live(request.path, request.open)) throw;
        throw Error(e.kind(), std::string(e.what()) + k_live_way_out);
    }
}

}  // namespace kvctl::jobs
