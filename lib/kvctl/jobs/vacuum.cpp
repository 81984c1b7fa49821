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
        throw Error(ErrorKind::damaged,
                    fmt::format("{}: {}: {}; nothing was changed", store.info().path, f.where, f.what));
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

// Too full a disk, with the way out: a copy elsewhere, which is as small. Empty: there is room.
report::Refusal space_refusal(store::Store& store, const Prediction& p, bool keeps_file,
                              const std::optional<std::string>& backup) {
    store::DiskWork work;
    work.shrinks = true;
    work.keeps_file = keeps_file;
    work.result_bytes = p.bytes;
    work.backup = backup;
    report::Refusal r;
    const auto shortage = store::find_shortage(p.model->space_needs({}, work), store.info(), true);
    if (!shortage) return r;
    const std::string& path = store.info().path;
    const std::int64_t compacted = std::max<std::int64_t>(0, store.head().compacted.value());
    const std::string copy = fmt::format("kvctl compact --rev {} -o FILE", compacted);
    r.kind = kind_name(ErrorKind::no_space);
    r.reason = fmt::format(
        "{}: {}; ways out: '{}', which copies it without its free pages, needs {} on another disk", path,
        shortage_text(*shortage), copy, format_bytes(p.bytes));
    r.ways.push_back({{}, copy + (path.starts_with('-') ? " -- " : " ") + shell_quoted(path), p.bytes, true});
    return r;
}

void make_sure_of_space(store::WritableStore& writable, const Prediction& most,
                        const std::optional<std::string>& backup, Progress* progress) {
    store::Store& store = writable.store();
    const bool keeps_file = !writable.why_in_place().empty();
    if (!space_refusal(store, most, keeps_file, backup).empty()) {
        const report::Refusal refusal = space_refusal(store, predict(store, progress), keeps_file, backup);
        if (!refusal.empty()) throw Error(ErrorKind::no_space, refusal.reason);
    }
    // The room that its -wal takes may be what is counted on.
    if (store::free_bytes(store::folder_of(store.info().real_path)) < most.bytes) writable.make_room();
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
    if (!store->traits().in_place) store->check_executable(r.notes.findings);
    refuse_damage(*store, progress);
    if (request.backup) store::refuse_existing(*request.backup);
    const Prediction p = predict(*store, progress);
    r.file_after = p.bytes;
    for (std::string& w : p.model->others_to_stop()) r.notes.warnings.push_back(std::move(w));
    const bool keeps_file = !store::why_in_place(around, store->info()).empty();
    report::Refusal refusal = layout_refusal(*p.model);
    if (refusal.empty()) refusal = space_refusal(*store, p, keeps_file, request.backup);
    r.refusal = held_refusal(store->info(), around, std::move(refusal));
    return r;
}

report::VacuumReport vacuum(const VacuumRequest& request, Progress* progress) {
    store::OpenOptions open = request.open;
    open.waiting = progress;
    const std::unique_ptr<store::WritableStore> writable = store::open_writable(request.path, open);
    report::VacuumReport r = start_report(writable->store(), true);
    const std::string real_path = writable->info().real_path;
    const Prediction most = at_most(writable->store());
    most.model->check_shrinkable();
    for (std::string& w : most.model->others_to_stop()) r.notes.warnings.push_back(std::move(w));
    refuse_damage(writable->store(), progress);
    if (request.backup) store::expect_new(*request.backup);
    make_sure_of_space(*writable, most, request.backup, progress);
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
