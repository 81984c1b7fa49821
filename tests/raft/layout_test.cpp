#include "kvctl/raft/layout.hpp"

#include <doctest/doctest.h>

#include "kvctl/base/error.hpp"
#include "kvctl/raft/storage.hpp"

using namespace kvctl;
using raft::RequestKind;

namespace {

raft::EntryFacts fact(std::uint64_t index, std::uint64_t term, std::uint64_t bytes = 10,
                      RequestKind request = RequestKind::put) {
    return {LogIndex{index}, Term{term}, raft::EntryType::normal, request, bytes};
}

const raft::Dummy k_zero{LogIndex{0}, Term{0}};

raft::Layout layout_of(const raft::Dummy& snapshot, const std::vector<raft::EntryFacts>& entries) {
    raft::LayoutBuilder builder(snapshot, {});
    for (const auto& e : entries) builder.add(e);
    return builder.layout();
}

}  // namespace

TEST_CASE("raft layout: runs of equal term, sums and counts") {
    raft::LayoutBuilder builder({LogIndex{4}, Term{1}}, {LogIndex{7}, LogIndex{6}});
    CHECK(builder.layout().first_index == LogIndex{5});
    CHECK(builder.layout().last_index == LogIndex{4});
    builder.add(fact(5, 2, 10));
    builder.add(fact(6, 2, 11, RequestKind::txn));
    builder.add(fact(7, 4, 12));
    builder.add({LogIndex{8}, Term{4}, raft::EntryType::conf_change, RequestKind::conf_change, 13});
    const raft::Layout& l = builder.layout();
    CHECK(l.first_index == LogIndex{5});
    CHECK(l.last_index == LogIndex{8});
    CHECK(l.entries == 4);
    CHECK(l.bytes == 46);
    CHECK(l.terms == std::vector<raft::TermRun>{{Term{2}, LogIndex{5}, LogIndex{6}, 2, 21},
                                                {Term{4}, LogIndex{7}, LogIndex{8}, 2, 25}});
    CHECK(l.by_type[0] == 3);
    CHECK(l.by_type[1] == 1);
    CHECK(l.by_request[static_cast<std::size_t>(RequestKind::put)] == 2);
    CHECK(builder.counts() == raft::Counts{3, 2});
}

TEST_CASE("raft layout: one entry of unknown size makes every sum it is part of unknown") {
    const raft::Layout l = layout_of(
        k_zero,
        {fact(1, 1), {LogIndex{2}, Term{2}, raft::EntryType::normal, RequestKind::put, std::nullopt}});
    CHECK_FALSE(l.bytes.has_value());
    CHECK(l.terms[0].bytes == 10);
    CHECK_FALSE(l.terms[1].bytes.has_value());
}

TEST_CASE("raft layout: what a compaction leaves is what etcd's storage keeps") {
    std::vector<raft::EntryFacts> entries;
    raft::MemoryStorage log({LogIndex{3}, Term{1}});
    std::vector<raft::EntryView> views;
    for (std::uint64_t i = 4; i <= 9; ++i) {
        const Term term{i < 6 ? 2U : 5U};
        views.push_back({LogIndex{i}, term, raft::EntryType::normal, "data", true});
        entries.push_back(
            {LogIndex{i}, term, raft::EntryType::normal, RequestKind::put, raft::encoded_size(views.back())});
    }
    log.append(views);
    for (std::uint64_t at = 0; at <= 9; ++at) {
        CAPTURE(at);
        raft::MemoryStorage storage = log;
        (void)storage.compact(LogIndex{at});
        const raft::CompactedLayout c = raft::compact_layout({LogIndex{3}, Term{1}}, entries, LogIndex{at});
        CHECK(c.after.snapshot == raft::Dummy{storage.dummy().index, storage.dummy().term});
        CHECK(c.after.first_index == storage.first_index());
        CHECK(c.after.last_index == storage.last_index());
        CHECK(c.after.entries == storage.all().size());
        CHECK(c.removed_entries + c.after.entries == entries.size());
        std::uint64_t bytes = 0;
        for (const raft::Entry& e : storage.all()) bytes += raft::encoded_size(e.view());
        CHECK(c.after.bytes == bytes);
        CHECK(*c.removed_bytes + bytes == *layout_of(k_zero, entries).bytes);
    }
}

TEST_CASE("raft layout: where a compaction may go") {
    const auto check = [](std::uint64_t at, raft::Marks marks) {
        return raft::check_compaction(LogIndex{at}, LogIndex{10}, LogIndex{20}, marks);
    };
    CHECK(check(0, {}) == raft::CompactVerdict::already_compacted);
    CHECK(check(10, {}) == raft::CompactVerdict::already_compacted);
    CHECK(check(11, {}) == raft::CompactVerdict::would_compact);
    CHECK(check(20, {}) == raft::CompactVerdict::would_compact);
    CHECK_THROWS_WITH_AS(check(21, {}),
                         "raft index 21 is above the log's last index 20 (a raft index is not a revision)",
                         Error);
    CHECK(check(15, {LogIndex{15}, std::nullopt}) == raft::CompactVerdict::would_compact);
    CHECK_THROWS_AS(check(16, {LogIndex{15}, std::nullopt}), Error);
    CHECK_THROWS_AS(check(15, {LogIndex{18}, LogIndex{14}}), Error);
    // A store says what is applied; the commit may lag behind it in the file.
    CHECK(check(15, {LogIndex{14}, LogIndex{15}}) == raft::CompactVerdict::would_compact);
}

TEST_CASE("raft layout: the automatic target keeps so many applied entries") {
    const auto target = [](std::optional<std::uint64_t> applied, std::uint64_t keep) {
        const auto index = applied ? std::optional(LogIndex{*applied}) : std::nullopt;
        const auto out = raft::auto_compact_index(index, keep, LogIndex{100}, LogIndex{6000});
        return out ? out->value() : 0;
    };
    CHECK(target(5600, 5000) == 600);
    CHECK(target(5101, 5000) == 101);
    CHECK(target(5100, 5000) == 0);
    CHECK(target(5000, 5000) == 0);
    CHECK(target(3, 5000) == 0);
    CHECK(target(std::nullopt, 5000) == 0);
    CHECK(target(9000, 10) == 6000);
}
