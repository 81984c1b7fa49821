#include <sys/stat.h>

#include <chrono>

#include "kvctl/base/error.hpp"
#include "kvctl/report/vacuum_report.hpp"
#include "kvctl/store/open.hpp"
#include "kvctl/store/sqlite/execute.hpp"
#include "kvctl/store/sqlite/predict.hpp"
#include "kvctl/store/sqlite/writable.hpp"
#include "kvctl/store/temp_file.hpp"
#include "tools/bold.hpp"
#include "tools/commands.hpp"
#include "tools/compact_options.hpp"
#include "tools/new_file.hpp"
#include "tools/notes.hpp"
#include "tools/options.hpp"
#include "tools/shared_options.hpp"
#include "tools/sizes.hpp"
#include "tools/store_access.hpp"

namespace kvctl::cli {
namespace {

using Clock = std::chrono::steady_clock;

// The file when everything in it stays and free pages are gone.
std::uint64_t predicted_bytes(store::SqliteStore& store, Progress* progress) {
    Findings findings;
    const mvcc::TreeIndex index = store.load(rules_for(store, std::nullopt), findings, progress);
    return store::predict_file_bytes(store, index, {}, store::other_pages(store), {},
                                     store::order_of_rows(store, index));
}

void shrink(store::SqliteWritable& writable, const std::optional<std::string>& backup, Progress* progress) {
    Provisional::carry_out(writable, [&](Provisional& made) {
        if (backup) {
            writable.backup(*backup);
            made.add(*backup);
        }
        store::shrink(writable, progress);
        writable.close();
    });
}

// An etcd db when everything in it stays.
std::uint64_t predicted_rewrite(store::Store& store, Progress* progress) {
    for (const Finding& f : store.structure_faults(progress))
        throw Error(ErrorKind::damaged, store.info().path + ": " + f.where + ": " + f.what);
    Findings findings;
    const mvcc::TreeIndex index = store.load(rules_for(store, std::nullopt), findings, progress);
    return store.model(index)->file_bytes({}, {store::Strategy::rewrite, false, false}).value_or(0);
}

void rewrite(store::WritableStore& writable, const std::optional<std::string>& backup, Progress* progress) {
    const store::StoreInfo info = writable.info();
    store::check_space({predicted_rewrite(writable.store(), progress), store::folder_of(info.real_path)},
                       info.path);
    Provisional made;
    if (backup) {
        store::expect_new(*backup);
        store::check_space({info.file_bytes, store::folder_of(*backup)}, *backup);
        writable.backup(*backup);
        made.add(*backup);
    }
    try {
        writable.shrink(progress);
    } catch (...) {
        if (writable.may_have_changed()) made.keep();
        throw;
    }
    made.keep();
}

}  // namespace

OptionTable vacuum_options() {
    return join({{{"Work",
                   {
                       flag("dry-run", "report what would be given back; nothing is written", 'n'),
                       file("backup", "FILE", "first copy STORE to the new FILE"),
                   }}},
                 store_options(),
                 output_options()});
}

int vacuum(const Args& args, Io& io) {
    const Clock::time_point start = Clock::now();
    const Parsed parsed = parse(vacuum_options(), args);
    const Output output = output_of(parsed, io);
    parsed.expect_operands(1, 1, "STORE");
    const std::string path = parsed.operands().front();
    const store::OpenOptions options = open_options_of(parsed);
    const auto progress = make_progress(output, io);

    report::VacuumReport r;
    r.executed = !parsed.has("dry-run");
    const auto describe = [&](const store::StoreInfo& info) {
        r.store = {info.path, std::string(name_of(info.layout)), info.file_bytes, info.page_size,
                   info.free_pages};
        r.file_before = info.file_bytes;
    };
    if (!r.executed) {
        const std::unique_ptr<store::Store> store = store::open_store(path, options);
        describe(store->info());
        note_pending(store->head(), r.notes);
        if (const auto backup = parsed.value("backup")) store::refuse_existing(*backup);
        r.file_after = store->traits().member
                           ? predicted_rewrite(*store, progress.get())
                           : predicted_bytes(dynamic_cast<store::SqliteStore&>(*store), progress.get());
        r.command = "kvctl vacuum " + std::string(path.starts_with('-') ? "-- " : "") + shell_quoted(path);
    } else if (store::is_bbolt(store::resolve_path(path))) {
        const std::unique_ptr<store::WritableStore> writable = store::open_writable(path, options);
        const store::StoreInfo info = writable->info();
        describe(info);
        note_pending(writable->store().head(), r.notes);
        rewrite(*writable, parsed.value("backup"), progress.get());
        struct stat st {};
        if (::stat(info.real_path.c_str(), &st) == 0) r.file_after = static_cast<std::uint64_t>(st.st_size);
    } else {
        store::SqliteWritable writable = store::SqliteWritable::open(path, options);
        const store::StoreInfo info = writable.info();
        describe(info);
        note_pending(writable.store().head(), r.notes);
        const std::uint64_t used = (info.pages - info.free_pages) * info.page_size;
        store::check_space({used, store::folder_of(info.real_path)}, path);
        if (const auto backup = parsed.value("backup")) {
            store::expect_new(*backup);
            store::check_space({info.file_bytes, store::folder_of(*backup)}, *backup);
        }
        shrink(writable, parsed.value("backup"), progress.get());
        struct stat st {};
        if (::stat(info.real_path.c_str(), &st) == 0) r.file_after = static_cast<std::uint64_t>(st.st_size);
    }
    r.duration_ms = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
    if (output.quiet) return 0;
    write_notes(r.notes, path, output, io);
    if (output.format == Format::text) {
        BoldFirstLine bold(io.out, output.color);
        report::write_text(bold.stream(), r, {output.raw_bytes, output.verbose, format_bytes});
    } else {
        report::write_json(io.out, r, output.format == Format::jsonl);
    }
    return 0;
}

}  // namespace kvctl::cli
