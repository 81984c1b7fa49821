#include <iostream>

#include "kvctl/base/error.hpp"
#include "kvctl/mvcc/compaction.hpp"
#include "kvctl/store/open.hpp"

// Plans a compaction of a history in memory, then asks for a store that is not there: the pure core and the
// SQLite side.
int main() {
    namespace mvcc = kvctl::mvcc;
    mvcc::TreeIndex index(mvcc::classic_rules());
    index.put("a", {2, 0});
    index.put("a", {3, 0});
    index.put("b", {4, 0});
    const auto plan =
        mvcc::plan_compaction(index, {.current = kvctl::MainRevision{4}}, kvctl::MainRevision{3});
    std::cout << "removed " << plan.removed.revisions << " of " << plan.before.revisions << '\n';
    try {
        (void)kvctl::store::open_store("no-such-store.db", {});
    } catch (const kvctl::Error& e) {
        std::cout << kvctl::kind_name(e.kind()) << '\n';
    }
}
