#include "kvctl/jobs/compact_target.hpp"

#include <algorithm>

#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/base/interrupt.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/mvcc/refusals.hpp"
#include "kvctl/store/live.hpp"

namespace kvctl::jobs {

mvcc::CompactionInput input_of(const store::StoreHead& head) {
    return {head.current, head.compacted, head.pending() ? head.scheduled : std::nullopt};
}

MainRevision target_of(const store::StoreInfo& info, const CompactRequest& request,
                       const store::StoreHead& head) {
    if (!request.rev && !request.keep_last && !request.target_size) {
        throw usage_error(
            fmt::format("{}: no target given; the current revision is {}; say --rev N, --keep-last N, "
                        "--keep-within TIME or --target-size SIZE",
                        info.path, head.current));
    }
    if (request.target_size) return head.compacted;
    if (request.rev) {
        if (*request.rev > head.current)
            throw mvcc::future_revision(fmt::format("{}: --rev {}", info.path, *request.rev), head.current);
        return *request.rev;
    }
    const auto span = static_cast<std::uint64_t>(head.current.value() - head.compacted.value());
    if (*request.keep_last >= span) return head.compacted;
    return MainRevision(head.current.value() - static_cast<std::int64_t>(*request.keep_last));
}

MainRevision highest_live_target(const store::StoreHead& head) noexcept {
    return MainRevision(std::max(head.compacted.value(), head.current.value() - store::k_kept_beside_server));
}

store::Strategy strategy_for(const store::CompactionModel& model, const CompactRequest& request,
                             const mvcc::CompactionPlan& plan) {
    if (request.output) return store::Strategy::rewrite;
    if (request.batch || request.live) return store::Strategy::in_place;
    return request.strategy.value_or(model.strategy(plan, request.vacuum));
}

std::optional<std::uint64_t> shrunk_bytes(const Decision& d, const CompactRequest& request,
                                          const mvcc::CompactionPlan& plan) {
    return d.model->file_bytes(plan,
                               {strategy_for(*d.model, request, plan), request.drop_old_values, d.disarms});
}

// Sizes fall as revisions rise, so halving finds it.
void plan_for_size(const store::StoreInfo& info, const CompactRequest& request, Decision& d) {
    const mvcc::CompactionInput input = input_of(d.head);
    const std::uint64_t wanted = *request.target_size;
    const auto plan_at = [&](std::int64_t at) {
        return mvcc::plan_compaction(*d.index, input, MainRevision(at));
    };
    d.plan = plan_at(d.head.compacted.value());
    const auto now = shrunk_bytes(d, request, d.plan);
    if (!now)
        throw Error(ErrorKind::refused,
                    info.path + ": --target-size needs a store whose size can be foretold");
    if (info.bytes_with_wal() <= wanted || *now <= wanted) {
        // A compaction that was cut short is finished all the same.
        d.kind = d.head.pending() ? Decision::Kind::compact : Decision::Kind::already_fits;
        return;
    }
    const MainRevision highest = request.live ? highest_live_target(d.head) : d.head.current;
    mvcc::CompactionPlan best = plan_at(highest.value());
    const std::uint64_t least = *shrunk_bytes(d, request, best);
    if (least > wanted) {
        throw Error(
            ErrorKind::refused,
            fmt::format("{}: cannot fit into {}; compacted to {} {} it would take {}{}", info.path,
                        format_bytes_exact(wanted), request.live ? "revision" : "the current revision",
                        highest, format_bytes_exact(least),
                        request.live ? " (--live keeps the newest 1000)" : ""));
    }
    std::int64_t too_low = d.head.compacted.value();
    std::int64_t fits = highest.value();
    while (fits - too_low > 1) {
        check_interrupt();
        const std::int64_t middle = too_low + (fits - too_low) / 2;
        mvcc::CompactionPlan plan = plan_at(middle);
        if (*shrunk_bytes(d, request, plan) <= wanted) {
            fits = middle;
            best = std::move(plan);
        } else {
            too_low = middle;
        }
    }
    d.plan = std::move(best);
}

}  // namespace kvctl::jobs
