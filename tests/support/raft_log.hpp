#pragma once
#include <string>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/raftlog/source.hpp"

namespace kvctl::test {

/// Everything a source hands out, owned.
struct ReadLog {
    std::vector<raft::EntryFacts> facts;
    std::vector<raft::Entry> entries;
    Findings findings;
};
ReadLog read_log(raftlog::Source& source, raftlog::Want want = raftlog::Want::data);

/// "1/1 2/1 3/2": index and term of every entry.
[[nodiscard]] std::string positions(const ReadLog& log);
/// "put txn empty": the request of every entry.
[[nodiscard]] std::string requests(const ReadLog& log);
/// "torn-tail index-gap": the code of every finding.
[[nodiscard]] std::string codes(const Findings& findings);

}  // namespace kvctl::test
