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
/// together. Damaged batches are passed over. Throws Vanished, io.
void rescue_frames(const Folder& folder, LogIndex applied,
                   const std::function<void(std::uint64_t stretch, const Frames&)>& frames);

}  // namespace kvctl::dqlite
