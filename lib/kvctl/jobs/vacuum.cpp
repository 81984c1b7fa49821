#include "kvctl/jobs/vacuum.hpp"

#include <algorithm>
#include <memory>

#include "kvctl/base/error.hpp"
#include "kvctl/base/files.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/jobs/compact_space.hpp"
#include "kvctl/jobs/facts.hpp"
#include "kvctl/jobs/held.hpp"
#include "kvctl/jobs/opened_store.hpp"
#include "kvctl/jobs/provisional.hpp"
#include "kvctl/jobs/raft_log.hpp"
#include "kvctl/jobs/words.hpp"
#include "kvctl/store/temp_file.hpp"
#include "kvctl/store/writable.hpp"

namespace kvctl::jobs {
namespace {

// The file when everything in it stays and free pages are gone.
struct Prediction {
    std::unique_ptr<mvcc::TreeIndex> index;
    std::unique_ptr<store::CompactionModel> model;
    std::uint64_t bytes = 0;
};

// What a file that is written anew would hide.
void refuse_damage(store::Store& store, Progress* progress) {
    for (const Finding& f : store.structure_faults(progress)) {
        throw Error(ErrorKind::damaged, fault_text(store.info().path, f) + "; nothing was changed");
    }
}

Prediction predict(store::Store& store, Progress* progress) {
    Findings findings;
    Prediction p;
    p.index = std::make_unique<mvcc::TreeIndex>(
        store.load(rules_of(store, std::nullopt).rules, findings, progress));
    p.model = store.model(*p.index);
    p.bytes = p.model->file_bytes({}, {}).value_or(store.info().file_bytes);
    return p;
}

// What is used now is no less than what stays, and needs no reading.
Prediction at_most(store::Store& store) {
    const store::StoreInfo& info = store.info();
    Prediction p;
    p.index = std::make_unique<mvcc::TreeIndex>(mvcc::CompactionRules{});
    p.model = store.model(*p.index);
    p.bytes = (info.pages - info.free_pages) * info.page_size;
    return p;
}

// Why the layout itself refuses it. Empty: it does not.
report::Refusal layout_refusal(const store::CompactionModel& model) {
    report::Refusal r;
    try {
        model.check_shrinkable();
    } catch (const Error& e) {
        r.kind = kind_name(e.kind());
        r.reason = e.what();
    }
    return r;
}

// The same rows in a new file, without free space.
std::string copy_command(store::Store& store, const char* output, const store::OpenOptions& open) {
    return fmt::format("kvctl compact --rev {} -o {}{}",
                       std::max<std::int64_t>(0, store.head().compacted.value()), output,
                       store_words(store.info().path, open));
}

// Of an archive, or of a layout that is only read; empty for another one.
report::Refusal read_only_refusal(store::Store& store, const VacuumRequest& request) {
    report::Refusal r;
    try {
        store::refuse_read_only(request.path, request.open);
    } catch (const Error& e) {
        const bool archive = e.kind() == ErrorKind::usage;
        const std::string copy = copy_command(store, archive ? "NEW" : "NEWDIR", request.open);
        r.kind = kind_name(e.kind());
        r.reason = fmt::format("{}: {} is only read; {} makes a new one without free space", request.path,
                               archive ? "an archive" : "a dqlite directory", quoted_command(copy));
    }
    return r;
}

// A store that may only be read, or not be written by this name. Empty: it may.
report::Refusal rights_refusal(const store::Store& store) {
    report::Refusal r;
    try {
        store::check_writable(store.info().path, store.info().real_path);
        store.check_name(true);
    } catch (const Error& e) {
        r.kind = kind_name(e.kind());
        r.reason = e.what();
    }
    return r;
}

// Too full a disk, with the way out: a copy elsewhere, which is as small. Empty: there is room.
report::Refusal space_refusal(store::Store& store, const Prediction& p, bool keeps_file,
                              const VacuumRequest& request) {
    store::DiskWork work;
    work.shrinks = true;
    work.keeps_file = keeps_file;
    work.result_bytes = p.bytes;
    work.backup = request.backup;
    report::Refusal r;
    const auto shortage = store::find_shortage(p.model->space_needs({}, work), store.info(), true);
    if (!shortage) return r;
    const std::string& path = store.info().path;
    const std::string copy = copy_command(store, "FILE", request.open);
    r.kind = kind_name(ErrorKind::no_space);
    r.reason =
        fmt::format("{}: {}; ways out: {}, which copies it without its free pages, needs {} on another disk",
                    path, shortage_text(*shortage), quoted_command(copy), format_bytes(p.bytes));
    r.ways.push_back({{}, copy, p.bytes, true});
    return r;
}

// Where there is none, and nothing would be given back either: false, and nothing is to be done.
bool make_sure_of_space(store::WritableStore& writable, const Prediction& most, const VacuumRequest& request,
                        Progress* progress) {
    store::Store& store = writable.store();
    const bool keeps_file = !writable.why_in_place().empty();
    if (!space_refusal(store, most, keeps_file, request).empty()) {
        const Prediction exact = predict(store, progress);
        const report::Refusal refusal = space_refusal(store, exact, keeps_file, request);
        if (!refusal.empty() && exact.bytes >= store.info().file_bytes) return false;
        if (!refusal.empty()) throw Error(ErrorKind::no_space, refusal.reason);
    }
    // The room that its -wal takes may be what is counted on.
    if (store::free_bytes(store::folder_of(store.info().real_path)) < most.bytes) writable.make_room();
    return true;
}

// A store that another process has: what can be done beside it.
std::string beside(const VacuumRequest& request) {
    const std::string live = "kvctl compact --live --keep-last 1000 --vacuum";
    return fmt::format("; or leave it running: {} works beside it",
                       quoted_command(live + store_words(request.path, request.open)));
}

report::VacuumReport start_report(store::Store& store, bool executed) {
    report::VacuumReport r;
    r.executed = executed;
    r.store = facts_of(store.info());
    r.file_before = store.info().file_bytes;
    note_head(store, store.head(), r.notes);
    return r;
}

}  // namespace

report::VacuumReport forecast_vacuum(const VacuumRequest& request, Progress* progress) {
    const store::Surroundings around = store::look_around(request.path);
    const std::unique_ptr<store::Store> store = store::open_store(request.path, request.open);
    report::VacuumReport r = start_report(*store, false);
    if (!store->traits().in_place && !store->traits().names_cluster)
        store->check_executable(r.notes.findings);
    refuse_damage(*store, progress);
    if (request.backup) store::refuse_existing(*request.backup);
    const Prediction p = predict(*store, progress);
    r.store = facts_of(store->info());  // an etcd db's free pages show once it was read
    r.file_after = p.bytes;
    for (std::string& w : p.model->others_to_stop()) r.notes.warnings.push_back(std::move(w));
    const bool keeps_file = !store::why_in_place(around, store->info()).empty();
    report::Refusal refusal = layout_refusal(*p.model);
    if (refusal.empty()) refusal = read_only_refusal(*store, request);
    if (refusal.empty()) refusal = rights_refusal(*store);
    if (refusal.empty() && p.bytes < store->info().file_bytes)
        refusal = space_refusal(*store, p, keeps_file, request);
    r.refusal = held_refusal(store->info(), around, false, std::move(refusal));
    if (!r.refusal.pids.empty() && goes_live(*store)) r.refusal.reason += beside(request);
    return r;
}

namespace {

// Throws, naming what vacuum itself has no option for.
void refuse_read_only(const VacuumRequest& request) {
    try {
        store::refuse_read_only(request.path, request.open);
    } catch (const Error& e) {
        const std::unique_ptr<store::Store> store = store::open_store(request.path, request.open);
        const report::Refusal refusal = read_only_refusal(*store, request);
        throw Error(e.kind(), refusal.empty() ? e.what() : refusal.reason);
    }
}

std::unique_ptr<store::WritableStore> open_for_vacuum(const VacuumRequest& request, Progress* progress) {
    store::OpenOptions open = request.open;
    open.waiting = progress;
    try {
        return store::open_writable(request.path, open);
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::in_use || !goes_live(request.path, request.open)) throw;
        throw Error(e.kind(), e.what() + beside(request));
    }
}

}  // namespace

report::VacuumReport vacuum(const VacuumRequest& request, Progress* progress) {
    refuse_read_only(request);
    store::check_writable(request.path, store::resolve_path(request.path));
    const std::unique_ptr<store::WritableStore> writable = open_for_vacuum(request, progress);
    report::VacuumReport r = start_report(writable->store(), true);
    const std::string real_path = writable->info().real_path;
    const Prediction most = at_most(writable->store());
    most.model->check_shrinkable();
    for (std::string& w : most.model->others_to_stop()) r.notes.warnings.push_back(std::move(w));
    refuse_damage(writable->store(), progress);
    if (request.backup) store::expect_new(*request.backup);
    if (!make_sure_of_space(*writable, most, request, progress)) {
        writable->close();
        r.file_after = r.file_before;
        return r;
    }
    Provisional::carry_out(*writable, [&](Provisional& made) {
        if (request.backup) {
            writable->backup(*request.backup);
            made.add(*request.backup);
        }
        writable->shrink(progress);
        writable->close();
    });
    r.file_after = file_size(real_path);
    return r;
}

}  // namespace kvctl::jobs
