#include "kvctl/mvcc/usage.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace kvctl;
using namespace kvctl::mvcc;

namespace {

IndexRow row(std::int64_t main, std::string_view key, std::uint64_t bytes, bool tombstone = false) {
    return {.revision = {main, 0},
            .tombstone = tombstone,
            .key = key,
            .create_revision = tombstone ? 0 : main,
            .version = tombstone ? 0 : 1,
            .bytes = bytes};
}

TreeIndex sample() {
    TreeIndex index(classic_rules());
    index.add_segments(1);
    RowBatch batch;
    for (const IndexRow& r :
         {row(2, "/reg/pods/a", 100), row(3, "/reg/pods/a", 200), row(4, "/reg/pods/b", 50),
          row(5, "/reg/leases/x", 10), row(6, "/reg/leases/x", 20), row(7, "/reg/pods/b", 5, true),
          row(8, "bare", 7)}) {
        batch.push(r);
    }
    index.add(0, batch);
    REQUIRE(index.seal());
    return index;
}

UsageReport measure(const UsageRequest& request, std::int64_t at = 8) {
    const TreeIndex index = sample();
    const CompactionInput input{MainRevision{8}, MainRevision{-1}, std::nullopt};
    return measure_usage(index, plan_compaction(index, input, MainRevision{at}), request);
}

std::string names(const std::vector<NamedUsage>& all) {
    std::string text;
    for (const NamedUsage& n : all) text += n.name + " ";
    return text;
}

}  // namespace

TEST_CASE("usage: live, history and what a compaction frees, by prefix and by key") {
    const UsageReport report = measure({});
    CHECK(names(report.prefixes) == "/reg/pods/ /reg/leases/ bare ");
    const Usage pods = report.prefixes[0].usage;
    CHECK(pods == Usage{.keys = 2,
                        .live_keys = 1,
                        .revisions = 4,
                        .tombstones = 1,
                        .live_bytes = 200,
                        .history_bytes = 155,
                        .freed_revisions = 3,
                        .freed_bytes = 155});
    CHECK(report.total.bytes() == 392);
    CHECK(report.total.live_bytes == 227);
    CHECK(names(report.keys) == "/reg/pods/a /reg/pods/b /reg/leases/x bare ");
    CHECK(measure({}, 5).total.freed_bytes == 100);
}

TEST_CASE("usage: depth counts components, under what follows it") {
    CHECK(names(measure({.depth = 1}).prefixes) == "/reg/ bare ");
    CHECK(names(measure({.depth = 3}).prefixes) == "/reg/pods/a /reg/pods/b /reg/leases/x bare ");
    CHECK(names(measure({.depth = 0}).prefixes) == "/  ");
    const UsageReport under = measure({.depth = std::nullopt, .under = "/reg/"});
    CHECK(names(under.prefixes) == "/reg/pods/ /reg/leases/ ");
    CHECK(under.total.revisions == 6);
    CHECK(under.all_keys == 3);
    CHECK(names(measure({.depth = 2, .under = "/reg/"}).prefixes) ==
          "/reg/pods/a /reg/pods/b /reg/leases/x ");
    CHECK(measure({.depth = std::nullopt, .under = "/none"}).prefixes.empty());
    CHECK(prefix_at_depth("a/b/c", 2) == "a/b/");
    CHECK(prefix_at_depth("/a//b", 2) == "/a//");
    CHECK(prefix_at_depth("", 1).empty());
}

TEST_CASE("usage: sorted and cut as asked") {
    using Sort = UsageRequest::Sort;
    CHECK(names(measure({.sort = Sort::name}).prefixes) == "/reg/leases/ /reg/pods/ bare ");
    CHECK(names(measure({.sort = Sort::live}).keys) == "/reg/pods/a /reg/leases/x bare /reg/pods/b ");
    CHECK(names(measure({.sort = Sort::history}).keys) == "/reg/pods/a /reg/pods/b /reg/leases/x bare ");
    CHECK(names(measure({.sort = Sort::keys}).prefixes) == "/reg/pods/ /reg/leases/ bare ");
    CHECK(names(measure({.sort = Sort::revisions}).prefixes) == "/reg/pods/ /reg/leases/ bare ");
    CHECK(names(measure({.sort = Sort::freed}).keys) == "/reg/pods/a /reg/pods/b /reg/leases/x bare ");
    const UsageReport top = measure({.top = 1});
    CHECK(names(top.prefixes) == "/reg/pods/ ");
    CHECK(top.all_prefixes == 3);
    CHECK(names(top.keys) == "/reg/pods/a ");
    CHECK(measure({.top = 0}).keys.size() == 4);
}
