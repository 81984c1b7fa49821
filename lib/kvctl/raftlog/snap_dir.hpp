#pragma once
#include <string>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/raft/entry.hpp"

namespace kvctl::raftlog {

/// One TERM-INDEX.snap file.
struct SnapFile {
    std::string path;
    raft::SnapshotMeta meta;  ///< from its name
    raft::ConfState conf_state;
    std::uint64_t data_bytes = 0;
    bool sound = false;  ///< its checksum matches and it decodes to the position in its name
};

/// The .snap files of a member/snap directory, newest first; other files are left alone. Damage is noted in
/// `findings`; a directory that is not there yields an empty list.
[[nodiscard]] std::vector<SnapFile> read_snap_dir(const std::string& directory, FindingLog& findings);

/// The raft indexes of the INDEX.snap.db files there: whole databases that a leader sent, ascending.
[[nodiscard]] std::vector<LogIndex> received_dbs(const std::string& directory);

/// A name of two 16-digit hex numbers joined by "-" and ended by `suffix`.
[[nodiscard]] bool parse_two_hex(std::string_view name, std::string_view suffix, std::uint64_t& first,
                                 std::uint64_t& second) noexcept;

}  // namespace kvctl::raftlog
