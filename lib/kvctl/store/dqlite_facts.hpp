#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kvctl::store {

/// What a dqlite data directory holds beside the rows of its keys.
struct DqliteFacts {
    struct Member {
        std::uint64_t id = 0;
        std::string address;
        std::string role;  ///< "voter", "standby", "spare"
    };
    struct Snapshot {
        std::string name;
        std::uint64_t term = 0;
        std::uint64_t index = 0;
        std::uint64_t bytes = 0;  ///< of the file with its description
        bool used = false;        ///< the state begins with it
    };
    /// The directory's files by kind.
    struct Bytes {
        std::uint64_t snapshots = 0;
        std::uint64_t closed = 0;     ///< segments that will not change any more
        std::uint64_t open = 0;       ///< segments that are set aside in advance, or still written
        std::uint64_t set_aside = 0;  ///< corrupt-*
        std::uint64_t others = 0;
    };
    std::string database;                ///< its name in the directory
    std::vector<std::string> databases;  ///< all of them
    std::optional<std::uint64_t> term;   ///< that of the metadata; nullopt: it cannot be read
    std::uint64_t voted_for = 0;         ///< in that term; 0: nobody
    std::vector<Member> members;
    std::uint64_t configuration_index = 0;  ///< of the entry that set them
    std::vector<Snapshot> snapshots;        ///< oldest first
    std::uint64_t snapshot_unpacked_bytes = 0;
    std::uint64_t first_index = 0;  ///< of the first entry on disk, which may lie below the snapshot; 0: none
    std::uint64_t last_index = 0;   ///< of the last entry that can be read
    std::uint64_t applied = 0;      ///< the rows are as of this index
    bool tail_may_be_uncommitted = false;  ///< several voters: how far is committed is nowhere on disk
    Bytes bytes;
};

}  // namespace kvctl::store
