#include "kvctl/raft/commit_watch.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "kvctl/base/proto.hpp"

using namespace kvctl;

namespace {

constexpr std::uint64_t k_add = 0;
constexpr std::uint64_t k_remove = 1;
constexpr std::uint64_t k_learner = 3;

std::string change(std::uint64_t type, std::uint64_t node) {
    std::string data;
    if (type != 0) proto::append_number(data, 2, type);
    proto::append_number(data, 3, node);
    return data;
}

// Entries 1, 2, …: a plain one for "", else a configuration change.
std::optional<LogIndex> committed(const raft::CommitWatch::Known& known,
                                  const std::vector<std::string>& log) {
    raft::CommitWatch watch(known);
    std::uint64_t index = 0;
    std::uint64_t seen = 0;
    for (const std::string& data : log) {
        const auto type = data.empty() ? raft::EntryType::normal : raft::EntryType::conf_change;
        if (watch.see({LogIndex{++index}, Term{1}, type, data, true})) seen = index;
    }
    if (watch.last()) CHECK(seen == std::min<std::uint64_t>(watch.last()->value(), log.size()));
    return watch.last();
}

raft::CommitWatch::Known from_the_start(std::uint64_t commit) {
    raft::CommitWatch::Known known;
    known.commit = LogIndex{commit};
    known.member = 7;
    known.members.emplace();
    return known;
}

}  // namespace

TEST_CASE("raft commit: what was applied is committed, whatever the hard state says") {
    raft::CommitWatch::Known known;
    CHECK_FALSE(committed(known, {"", ""}));
    known.applied = LogIndex{2};
    CHECK(committed(known, {"", "", ""}) == LogIndex{2});
    known.commit = LogIndex{1};
    CHECK(committed(known, {"", "", ""}) == LogIndex{2});
    known.commit = LogIndex{3};
    CHECK(committed(known, {"", "", "", ""}) == LogIndex{3});
}

TEST_CASE("raft commit: who votes alone commits by writing") {
    const std::string me = change(k_add, 7);
    const std::string other = change(k_add, 8);
    struct Row {
        std::string name;
        std::uint64_t commit;
        std::vector<std::string> log;
        std::uint64_t committed;
    };
    const std::vector<Row> rows{
        {"alone from the start", 1, {me, "", "", ""}, 4},
        {"two voters", 3, {me, other, "", "", ""}, 3},
        {"the second voter comes: its entry is still the one voter's", 1, {me, "", other, "", ""}, 3},
        {"a learner has no vote", 1, {me, change(k_learner, 8), "", ""}, 4},
        {"the learner is promoted", 1, {me, change(k_learner, 8), "", other, ""}, 4},
        {"the other one left", 4, {me, other, "", change(k_remove, 8), "", ""}, 6},
        {"whether the other one left is not committed itself",
         3,
         {me, other, "", change(k_remove, 8), ""},
         3},
        {"the one voter is somebody else", 1, {other, "", ""}, 1},
        {"this member is a learner", 2, {other, change(k_learner, 7), ""}, 2},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(committed(from_the_start(row.commit), row.log) == LogIndex{row.committed});
    }
}

TEST_CASE("raft commit: without knowing all voters nothing is added") {
    auto known = from_the_start(1);
    known.members.reset();
    CHECK(committed(known, {change(k_add, 7), "", ""}) == LogIndex{1});
    known = from_the_start(1);
    known.member.reset();
    CHECK(committed(known, {change(k_add, 7), "", ""}) == LogIndex{1});
    // Changes up to where the members are known of are in them already.
    known = from_the_start(3);
    known.members->voters = {7};
    known.members_at = LogIndex{3};
    CHECK(committed(known, {change(k_add, 7), change(k_add, 8), change(k_remove, 8), "", ""}) == LogIndex{5});
    known.members->voters_outgoing = {8};
    CHECK(committed(known, {"", "", "", "", ""}) == LogIndex{3});
    // A change that does not decode could be any.
    known = from_the_start(1);
    CHECK(committed(known, {change(k_add, 7), "\xFF", "", ""}) == LogIndex{2});
}
