#include "kvctl/raft/belonging.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "kvctl/base/proto.hpp"
#include "tests/support/requests.hpp"

using namespace kvctl;
using namespace kvctl::test;

namespace {

struct At {
    std::uint64_t index;
    std::uint64_t term;
    std::string data;
    raft::EntryType type = raft::EntryType::normal;
};

At joins(std::uint64_t index, std::uint64_t term, std::uint64_t member) {
    std::string data;
    proto::append_number(data, 3, member);
    return {index, term, data, raft::EntryType::conf_change};
}

std::string fault(const raft::Belonging::Store& store, const raft::Belonging::Log& log,
                  const std::vector<At>& entries) {
    raft::Belonging belonging(store, log);
    for (const At& e : entries) {
        const raft::EntryView view{LogIndex{e.index}, Term{e.term}, e.type, e.data, true};
        belonging.see(view, raft::classify(view));
    }
    return belonging.fault().value_or("");
}

raft::Belonging::Store store_of(std::set<std::uint64_t> members, std::uint64_t applied,
                                std::int64_t current) {
    return {std::move(members), std::nullopt, LogIndex{applied}, LogIndex{applied}, MainRevision{current}};
}

}  // namespace

TEST_CASE("raft belonging: a log is its member's") {
    const raft::Belonging::Log log{7, 70};
    CHECK(fault(store_of({7, 8}, 3, 1), log, {}).empty());
    CHECK(fault(store_of({8}, 3, 1), log, {}) ==
          "is the log of member 7, which is none of the store's members");
    // A store that names no member, and a log that names none, take each other.
    CHECK(fault(store_of({}, 3, 1), log, {}).empty());
    CHECK(fault(store_of({8}, 3, 1), {}, {}).empty());
    // A member that the log itself adds later; not one of its own founders.
    CHECK(fault(store_of({8}, 3, 1), log, {joins(5, 2, 7)}).empty());
    CHECK_FALSE(fault(store_of({8}, 3, 1), log, {joins(5, 2, 9)}).empty());
    CHECK_FALSE(fault(store_of({8}, 3, 1), log, {joins(3, 2, 7)}).empty());
    CHECK_FALSE(fault(store_of({8}, 0, 1), log, {joins(1, 1, 7)}).empty());
    raft::Belonging::Store known = store_of({7}, 3, 1);
    known.cluster_id = 70;
    CHECK(fault(known, log, {}).empty());
    known.cluster_id = 71;
    CHECK(fault(known, log, {}) == "is the log of cluster 46, the store is of cluster 47");
}

TEST_CASE("raft belonging: a whole log makes at most a revision a request") {
    const std::vector<At> log{{1, 1, put_request("a", "1")},
                              {2, 1, ""},
                              {3, 1, put_request("b", "1")},
                              {4, 1, delete_request("a")},
                              {5, 1, put_request("c", "1")}};
    CHECK(fault(store_of({}, 4, 4), {}, log).empty());
    CHECK(fault(store_of({}, 4, 3), {}, log).empty());  // a request may be refused
    CHECK(
        fault(store_of({}, 4, 5), {}, log) ==
        "has 3 requests up to the store's consistent index 4 that can have made a revision, but the store is "
        "at revision 5");
    CHECK(fault(store_of({}, 5, 5), {}, log).empty());
    // What stood before a log that begins later is not known.
    CHECK(fault(store_of({}, 4, 90), {}, {{3, 1, put_request("b", "1")}}).empty());
    // Entries that are missing, or cannot be read, may have made one; a restore's came with the db.
    CHECK(fault(store_of({}, 6, 6), {}, log).empty());
    CHECK(fault(store_of({}, 4, 3), {}, {{1, 1, ""}, {4, 1, ""}}).empty());
    CHECK_FALSE(fault(store_of({}, 4, 4), {}, {{1, 1, ""}, {4, 1, ""}}).empty());
    CHECK(fault(store_of({}, 1, 2), {}, {{1, 1, "\xFF\xFF"}}).empty());
    CHECK(fault(store_of({}, 4, 90), {std::nullopt, std::nullopt, true}, log).empty());
}
