#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/dqlite/state.hpp"

namespace kvctl::store {

struct NewFolderRequest {
    std::string target;  ///< must not exist
    std::string
        database_file;  ///< the database as it is to be, whole, in rollback mode or WAL mode without a -wal
    std::string database;                ///< its name in the folder
    std::optional<std::uint64_t> voter;  ///< server id: a cluster of this one alone
};

struct NewFolder {
    std::uint64_t bytes = 0;           ///< of all its files
    std::uint64_t unpacked_bytes = 0;  ///< of its snapshot before it was compressed
    Term term;
    LogIndex index;
};

/// The members of the new folder: all of the source's, or the one asked for as the only voter. Throws usage
/// when there is no such member.
[[nodiscard]] dqlite::Configuration members_of(const dqlite::State& source,
                                               std::optional<std::uint64_t> voter);

/// Throws where no new folder can be made of `database` alone: usage for a member that is none, refused where
/// others would be lost, damaged where the term and index could not be raised.
void check_new_folder(const dqlite::State& source, const std::string& database,
                      std::optional<std::uint64_t> voter);

/// What becomes of the source's info.yaml and cluster.yaml that whoever puts the new folder into place has to
/// know.
[[nodiscard]] std::vector<std::string> yaml_notes(const dqlite::State& source,
                                                  std::optional<std::uint64_t> voter);

/// Writes a data directory of one snapshot, its description, metadata, and the source's info.yaml and
/// cluster.yaml. Term and index lie above all that the source knows: with the same ones on some members only,
/// dqlite would mix the two without a word. It has its name only once it is complete, read back and on the
/// disk. Throws refused when the name exists, damaged when what is read back differs, io.
NewFolder write_new_folder(const dqlite::State& source, const NewFolderRequest& request);

}  // namespace kvctl::store
