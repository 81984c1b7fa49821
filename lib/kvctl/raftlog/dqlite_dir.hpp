#pragma once
#include <memory>
#include <optional>
#include <string>

#include "kvctl/raftlog/source.hpp"

namespace kvctl::raftlog {

/// The log of a dqlite data directory: the closed segments that follow one another up to the newest, then the
/// open ones. The snapshot is the newest usable one; entries at or below it may still be on disk and come
/// too. How much is committed is nowhere on disk: there is no hard state. `whole`: see open().
[[nodiscard]] std::unique_ptr<Source> open_dqlite_dir(const std::string& path,
                                                      std::optional<LogIndex> whole = std::nullopt);

}  // namespace kvctl::raftlog
