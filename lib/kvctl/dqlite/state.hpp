#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/dqlite/folder.hpp"
#include "kvctl/dqlite/image.hpp"

namespace kvctl::dqlite {

/// What a data directory comes to: the databases as they are once the log is applied to the snapshot, and
/// what the files say of the cluster.
struct State {
    Folder folder;
    std::optional<SnapshotFile> snapshot;  ///< what was begun with; none: an empty database
    bool snapshot_compressed = false;
    std::uint64_t snapshot_unpacked_bytes = 0;
    std::vector<Image> databases;
    LogIndex first_index;  ///< of the first entry on disk, which may lie at or below the snapshot; 0 without
                           ///< entries
    LogIndex last_index;   ///< of the last entry that could be read; the snapshot's without entries
    LogIndex applied;      ///< the databases are as of this index
    Term term;             ///< the largest one that any file names
    LogIndex configuration_index;
    Configuration configuration;      ///< in force: that of the newest entry that holds one, applied or not
    bool complete = true;             ///< false: damage keeps later entries from being applied
    std::uint64_t waiting_pages = 0;  ///< of a transaction without its end
    Findings findings;

    /// With more than one voter nothing on disk says how much of the log is committed.
    [[nodiscard]] bool tail_may_be_uncommitted() const noexcept { return voters(configuration) > 1; }
};

/// Reads a data directory, up to and including entry `upto` where given. A running node may rename and remove
/// files meanwhile: then it begins again. A newest snapshot that is damaged is passed over where an older one
/// and the log give everything. Throws not_a_store, damaged where nothing gives a state (with the way out),
/// refused where `upto` cannot be had, io.
[[nodiscard]] State read_state(const std::string& path, std::optional<LogIndex> upto = std::nullopt);

/// Where read_state() finds nothing that gives a state: the newest snapshot whose data can be read, with or
/// without a description, and the closed segments that follow it without a gap. It is never complete.
/// nullopt: no snapshot can be read. Throws what read_state() does, and busy where a node changes the folder
/// meanwhile.
[[nodiscard]] std::optional<State> salvage_state(const std::string& path);

}  // namespace kvctl::dqlite
