#include <sys/stat.h>

#include <algorithm>
#include <chrono>

#include "kvctl/base/error.hpp"
#include "kvctl/report/vacuum_report.hpp"
#include "kvctl/store/kine/kine.hpp"
#include "kvctl/store/open.hpp"
#include "kvctl/store/sqlite/execute.hpp"
#include "kvctl/store/sqlite/predict.hpp"
#include "kvctl/store/sqlite/writable.hpp"
#include "kvctl/store/temp_file.hpp"
#include "tools/bold.hpp"
#include "tools/commands.hpp"
#include "tools/compact_options.hpp"
#include "tools/compact_space.hpp"
#include "tools/held_store.hpp"
#include "tools/new_file.hpp"
#include "tools/notes.hpp"
#include "tools/options.hpp"
#include "tools/shared_options.hpp"
#include "tools/sizes.hpp"
#include "tools/store_access.hpp"

namespace kvctl::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct Prediction {
    mvcc::TreeIndex index;
    std::uint64_t bytes = 0;  // of the file when everything in it stays and free pages are gone
};

Prediction predict(store::SqliteStore& store, Progress* progress) {
    Findings findings;
    Prediction p{store.load(store::choose_rules(store, std::nullopt).rules, findings, progress)};
    p.bytes = store::predict_file_bytes(store, p.index, {}, store::other_pages(store), {},
                                        store::order_of_rows(store, p.index));
    return p;
}

// Too full a disk, with the way out: a copy elsewhere, which is as small. Empty: there is room.
report::Refusal space_refusal(store::SqliteStore& store, const Prediction& p, bool in_place,
                              const std::optional<std::string>& backup) {
    store::DiskWork work;
    work.shrinks = true;
    work.vacuums_in_place = in_place;
    work.result_bytes = p.bytes;
    work.backup = backup;
    report::Refusal r;
    const auto shortage =
        store::find_shortage(store::space_needs(store, p.index, {}, work), store.info(), true);
    if (!shortage) return r;
    const std::string& path = store.info().path;
    const std::int64_t compacted = std::max<std::int64_t>(0, store.head().compacted.value());
    r.kind = kind_name(ErrorKind::no_space);
    r.reason = path + ": " + shortage_text(*shortage) + "; ways out: 'kvctl compact --rev " +
               std::to_string(compacted) + " -o FILE', which copies it without its free pages, needs " +
               format_bytes(p.bytes) + " on another disk";
    r.ways.push_back({"kvctl compact --rev " + std::to_string(compacted) + " -o FILE " +
                          (path.starts_with('-') ? "-- " : "") + shell_quoted(path),
                      p.bytes, true});
    return r;
}

// What only a kine store has to say of it: who else must be stopped, and why it would be refused.
report::Refusal look_at_kine(store::SqliteStore& store, report::Notes& notes) {
    auto* const kine = dynamic_cast<store::KineStore*>(&store);
    if (kine == nullptr) return {};
    if (auto text = kine->litestream_advice()) notes.warnings.push_back(std::move(*text));
    report::Refusal r;
    try {
        kine->refuse_keyless();
    } catch (const Error& e) {
        r.kind = kind_name(e.kind());
        r.reason = e.what();
    }
    return r;
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

void refuse_bbolt(const std::string& path) {
    if (!store::is_bbolt(store::resolve_path(path))) return;
    (void)store::open_store(path, {});  // a folder may hold no etcd db at all
    throw Error(ErrorKind::read_only_layout, path +
                                                 ": an etcd db is never written; etcd's own defrag shrinks "
                                                 "it, 'kvctl import' makes a native store");
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
    store::OpenOptions options;
    options.layout = layout_of(parsed);
    options.timeout_ms = static_cast<int>(timeout_of(parsed).count());
    options.waits_for_idle = parsed.has("timeout");
    const auto progress = make_progress(output, io);
    refuse_bbolt(path);

    report::VacuumReport r;
    r.executed = !parsed.has("dry-run");
    const auto describe = [&](const store::StoreInfo& info) {
        r.store = {info.path, std::string(name_of(info.layout)), info.file_bytes, info.page_size,
                   info.free_pages};
        r.file_before = info.file_bytes;
    };
    if (!r.executed) {
        const Surroundings around = look_around(path);
        const std::unique_ptr<store::Store> store = store::open_store(path, options);
        describe(store->info());
        note_head(*store, store->head(), r.notes);
        if (const auto backup = parsed.value("backup")) store::refuse_existing(*backup);
        auto& sqlite = dynamic_cast<store::SqliteStore&>(*store);
        const Prediction p = predict(sqlite, progress.get());
        r.file_after = p.bytes;
        const bool in_place = !why_in_place(around, store->info()).empty();
        report::Refusal refusal = look_at_kine(sqlite, r.notes);
        if (refusal.empty()) refusal = space_refusal(sqlite, p, in_place, parsed.value("backup"));
        r.refusal = held_refusal(store->info(), around.holders, std::move(refusal));
        r.command = "kvctl vacuum " + std::string(path.starts_with('-') ? "-- " : "") + shell_quoted(path);
    } else {
        options.waiting = progress.get();
        store::SqliteWritable writable = store::SqliteWritable::open(path, options);
        const store::StoreInfo info = writable.info();
        describe(info);
        note_head(writable.store(), writable.store().head(), r.notes);
        if (const report::Refusal refusal = look_at_kine(writable.store(), r.notes); !refusal.empty())
            throw Error(ErrorKind::refused, refusal.reason);
        const auto backup = parsed.value("backup");
        if (backup) store::expect_new(*backup);
        const bool in_place = writable.hard_links() > 1 || !writable.idle_holders().empty();
        // What is used now is no less than what stays, and needs no reading.
        const Prediction most{mvcc::TreeIndex({}), (info.pages - info.free_pages) * info.page_size};
        if (!space_refusal(writable.store(), most, in_place, backup).empty()) {
            const report::Refusal refusal =
                space_refusal(writable.store(), predict(writable.store(), progress.get()), in_place, backup);
            if (!refusal.empty()) throw Error(ErrorKind::no_space, refusal.reason);
        }
        // The room that its -wal takes may be what is counted on.
        if (store::free_bytes(store::folder_of(info.real_path)) < most.bytes) writable.checkpoint();
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
