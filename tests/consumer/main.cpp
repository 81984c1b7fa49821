#include <filesystem>
#include <fstream>
#include <iostream>

#include "kvctl/base/error.hpp"
#include "kvctl/jobs/check.hpp"
#include "kvctl/jobs/compact.hpp"
#include "kvctl/jobs/import.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/store/open.hpp"

namespace {

namespace jobs = kvctl::jobs;
namespace mvcc = kvctl::mvcc;

// The pure core: a compaction of a history in memory.
void plan() {
    mvcc::TreeIndex index(mvcc::classic_rules());
    index.put("a", {2, 0});
    index.put("a", {3, 0});
    index.put("b", {4, 0});
    const auto plan =
        mvcc::plan_compaction(index, {.current = kvctl::MainRevision{4}}, kvctl::MainRevision{3});
    std::cout << "removed " << plan.removed.revisions << " of " << plan.before.revisions << '\n';
}

// What the commands do: a store is made, its compaction foretold and carried out, and the store checked.
void compact_store() {
    std::ofstream("history.jsonl") << R"({"format":"kvhistory/1"}
{"rev":2,"ops":[{"sub":0,"type":"put","key":"YQ==","value":"MQ==","lease":0,"create_revision":2,"version":1}]}
{"rev":3,"ops":[{"sub":0,"type":"put","key":"YQ==","value":"Mg==","lease":0,"create_revision":2,"version":2}]}
{"rev":4,"ops":[{"sub":0,"type":"put","key":"Yg==","value":"Mw==","lease":0,"create_revision":4,"version":1}]}
)";
    std::filesystem::remove("store.db");
    const auto made = jobs::import_store({.source = "history.jsonl", .output = "store.db"}, nullptr);
    std::cout << "imported " << made.revisions << '\n';
    const jobs::CompactRequest request{.path = "store.db", .rev = kvctl::MainRevision{3}};
    const auto foretold = jobs::forecast_compaction(request, nullptr);
    std::cout << foretold.report.result << ' ' << foretold.plan->removed.revisions << '\n';
    const auto done = jobs::compact(request, nullptr);
    std::cout << done.report.result << ' ' << done.plan->removed.revisions << '\n';
    std::cout << (jobs::check({.path = "store.db", .open = {}, .rules = {}, .all = false}, nullptr).ok()
                      ? "sound"
                      : "damaged")
              << '\n';
}

}  // namespace

int main() {
    plan();
    compact_store();
    try {
        (void)kvctl::store::open_store("no-such-store.db", {});
    } catch (const kvctl::Error& e) {
        std::cout << kvctl::kind_name(e.kind()) << '\n';
    }
}
