#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "gen_random.hpp"

namespace kvctl::gen {

/// What the command line of the generators asks for. Sizes are bytes, shares lie in [0, 1].
struct Options {
    std::string layout;
    std::string path;
    std::uint64_t seed = 1;
    std::uint64_t rows = 10'000;  ///< rows of table kine, or revisions of a native store
    std::uint64_t page_size = 4096;
    std::vector<double> shares{0.1, 0.5, 0.9,
                               0.96};  ///< report where about this share of the rows is removed

    std::string schema_age = "v0.16.3";  ///< kine: the first release with that set of columns and indexes
    double removable_share =
        0.96;                    ///< kine: share removed by a compaction 1000 revisions below the current one
    double gap_share = 0.0002;   ///< kine: share of gap rows
    bool wal_mode = true;        ///< kine: leave the file in WAL mode, as a server does
    SizeRange value{300, 3000};  ///< kine's hot keys stay near the lower end

    std::uint64_t keys = 1000;       ///< native
    double delete_share = 0.15;      ///< native
    double lease_share = 0.01;       ///< native: share of the keys that hang on a lease
    double txn_share = 0.0;          ///< native: share of the transactions that write two to four keys
    bool key_index = false;          ///< native: also an index that begins with the key
    std::uint64_t raft_entries = 0;  ///< native: the newest entries of the raft log that made the history
};

/// Reads the command line; std::invalid_argument names what is wrong with it.
[[nodiscard]] Options parse_options(const std::vector<std::string>& arguments);

[[nodiscard]] const char* usage() noexcept;

}  // namespace kvctl::gen
