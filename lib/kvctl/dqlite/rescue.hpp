#pragma once
#include <cstdint>
#include <functional>
#include <string_view>

#include "kvctl/dqlite/command.hpp"
#include "kvctl/dqlite/folder.hpp"

namespace kvctl::dqlite {

/// Calls `frames` for each command that writes pages and is in no state: behind damage, and in files that
/// dqlite set aside, but not up to entry `applied` as far as indexes are known.
/// `stretch` counts the runs: from one to the next entries are missing, so that pages of two runs do not go
/// together. Damaged batches are passed over, and transactions that were undone or not committed left out.
/// Throws io, and busy where a node changes the folder meanwhile.
void rescue_frames(const Folder& folder, LogIndex applied,
                   const std::function<void(std::uint64_t stretch, const Frames&)>& frames);

/// What entries anywhere in a folder reach to, those included that no state holds.
struct Extent {
    Term term;                     ///< the highest of any entry
    LogIndex closed;               ///< the highest index that a closed segment's name tells
    std::uint64_t unnumbered = 0;  ///< entries in files whose names tell no index
};
/// Throws io, and busy where a node changes the folder meanwhile.
[[nodiscard]] Extent extent_of(const Folder& folder);

}  // namespace kvctl::dqlite
