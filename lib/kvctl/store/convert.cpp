#include "kvctl/store/convert.hpp"

#include <algorithm>

#include "kvctl/base/error.hpp"
#include "kvctl/store/bbolt/bbolt_writer.hpp"
#include "kvctl/store/bbolt/writable.hpp"
#include "kvctl/store/dqlite/dqlite.hpp"
#include "kvctl/store/kine/kine_limits.hpp"
#include "kvctl/store/kine/kine_writer.hpp"
#include "kvctl/store/native/native_writer.hpp"
#include "kvctl/store/writable.hpp"

namespace kvctl::store {
namespace {

Converted hand_over(Conversion& conversion, Target& target, Progress* progress) {
    for (const auto& [name, value] : conversion.meta()) target.set_meta(name, value);
    for (const Lease& lease : conversion.leases()) target.add(lease);
    conversion.each([&](const mvcc::Record& r) { target.add(r); }, progress);
    for (const Lease& lease : conversion.found_leases()) target.add(lease);
    target.finish();
    Converted done{conversion.warnings(), conversion.findings(), {}, {}};
    for (std::string& w : target.warnings()) done.warnings.push_back(std::move(w));
    done.current = target.current(conversion.current());
    for (const auto& [name, value] : conversion.meta()) {
        if (name == "finished_compact_rev") done.compacted = target.moved(MainRevision(value));
    }
    return done;
}

TargetSource source_of(const Conversion& conversion, const std::string& path) {
    return {path, conversion.leases_are_ttls(), conversion.current()};
}

KineWriter::Options kine_options(const TargetRequest& request, const TargetSource& source) {
    KineWriter::Options options;
    options.source = source.path;
    options.renumber = request.renumber;
    options.leases_are_ttls = source.leases_are_ttls;
    options.current = source.current;
    return options;
}

}  // namespace

std::unique_ptr<Target> make_target(const TargetRequest& request, const Conversion& conversion,
                                    const std::string& path) {
    if (conversion.limits()) conversion.limits()->check(path, request.renumber);
    return make_target(request, source_of(conversion, path));
}

std::unique_ptr<Target> make_target(const TargetRequest& request, const TargetSource& source) {
    switch (request.to) {
        case TargetKind::kine:
            return std::make_unique<KineWriter>(request.output, kine_options(request, source));
        case TargetKind::bbolt:
        case TargetKind::snapshot:
            return std::make_unique<BboltWriter>(request.output, request.to == TargetKind::snapshot);
        case TargetKind::native:
            break;
    }
    NativeWriter::Options options;
    options.key_index = request.key_index;
    options.raft_table = request.raft_table;
    return std::make_unique<NativeWriter>(request.output, options);
}

void check_target(const TargetRequest& request, const mvcc::TreeIndex& index,
                  const mvcc::CompactionPlan& plan, const std::string& path) {
    if (request.to == TargetKind::kine)
        KineLimits::of(index, &plan.removed_slots).check(path, request.renumber);
}

std::uint64_t least_bytes(const Store& source, TargetKind to, std::uint64_t rows,
                          std::uint64_t bytes) noexcept {
    // Of stores made with few and with many rows: what stands in one without rows, and beside each key and
    // value.
    constexpr std::uint64_t k_kib = 1024;
    constexpr std::uint64_t k_beside_row = 40;
    // Old values, which only a kine store goes on holding, are about as much as values.
    const bool leaves_half = source.traits().old_values && to != TargetKind::kine;
    const std::uint64_t content = (leaves_half ? bytes / 2 : bytes) + rows * k_beside_row;
    switch (to) {
        case TargetKind::native:
            return std::max(80 * k_kib, 64 * k_kib + content);
        case TargetKind::kine:
            return 36 * k_kib + content;
        case TargetKind::bbolt:
        case TargetKind::snapshot:
            break;
    }
    return 16 * k_kib + content;
}

bool keeps_buckets(const Store& store, TargetKind to) noexcept {
    return store.traits().member && (to == TargetKind::bbolt || to == TargetKind::snapshot);
}

bool keeps_database(const Store& store, TargetKind to) noexcept {
    return store.traits().names_cluster && to == TargetKind::kine;
}

void copy_database(Store& store, const std::string& output) {
    dynamic_cast<DqliteStore&>(store).copy_database(output);
}

Converted convert_compacted(Store& store, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                            const TargetRequest& request, bool disarm, Progress* progress) {
    if (keeps_buckets(store, request.to)) {
        rebuild_to_output(dynamic_cast<const BboltStore&>(store), {&index, &plan, disarm}, request.output,
                          progress, request.to == TargetKind::snapshot);
        return {};
    }
    if (keeps_database(store, request.to)) {
        Execution execution;
        execution.drop_old_values = request.drop_old_values;
        execution.progress = progress;
        dynamic_cast<DqliteStore&>(store).write_database(index, plan, execution, request.output);
        return {};
    }
    const std::unique_ptr<Conversion> conversion = store.conversion(request.to, progress);
    conversion->keep_only(index, plan);
    return hand_over(*conversion, *make_target(request, *conversion, store.info().path), progress);
}

Converted foretell_conversion(Store& store, const mvcc::TreeIndex& index, const mvcc::CompactionPlan& plan,
                              const TargetRequest& request, Progress* progress) {
    if (keeps_buckets(store, request.to) || keeps_database(store, request.to)) return {};
    const std::unique_ptr<Conversion> conversion = store.conversion(request.to, progress);
    conversion->keep_only(index, plan);
    if (request.to == TargetKind::kine) {
        KineWriter::Options options = kine_options(request, source_of(*conversion, store.info().path));
        options.only_counts = true;
        KineWriter counts(request.output, options);
        return hand_over(*conversion, counts, progress);
    }
    // The others take everything.
    conversion->each([](const mvcc::Record&) {}, progress);
    return {conversion->warnings(), conversion->findings(), conversion->current(), std::nullopt};
}

void copy_buckets(Store& store, const TargetRequest& request, Progress* progress) {
    rebuild_to_output(dynamic_cast<const BboltStore&>(store), {}, request.output, progress,
                      request.to == TargetKind::snapshot);
}

}  // namespace kvctl::store
