#include "kvctl/jobs/held.hpp"

#include "kvctl/base/command.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"

namespace kvctl::jobs {

report::Refusal held_refusal(const store::StoreInfo& info, const store::Surroundings& around, bool only_reads,
                             report::Refusal otherwise) {
    const std::vector<int>& pids = only_reads ? around.excluding : around.pids;
    const bool held = only_reads ? !pids.empty() : around.held;
    // A rollback-journal lock lasts as long as a transaction: the writer waits for it.
    if ((!info.wal_mode && !info.locked_for_life) || !held) return otherwise;
    report::Refusal r;
    r.reason = around.nodes ? store::node_runs_on(info.path, pids)
                            : store::in_use_by(info.path, pids, info.locked_for_life) +
                                  (info.wal_mode ? around.open_as : std::string());
    r.kind = kind_name(ErrorKind::in_use);
    r.pids = pids;
    for (const int pid : pids) r.stop.push_back(store::how_to_stop(pid));
    if (r.stop.empty())
        r.stop.push_back(fmt::format("# stop what has the store open: {} as root names it",
                                     command_on(info.path, "status")));
    r.then = std::move(otherwise.reason);
    r.ways = std::move(otherwise.ways);
    return r;
}

bool goes_live(store::Store& store) try {
    Findings none;
    if (store.traits().live) store.check_executable(none);
    return store.traits().live;
} catch (const Error&) {
    return false;
}

bool goes_live(const std::string& path, const store::OpenOptions& open) try {
    return goes_live(*store::open_store(path, open));
} catch (const Error&) {
    return false;
}

}  // namespace kvctl::jobs
