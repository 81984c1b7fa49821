#pragma once
#include <memory>
#include <optional>
#include <string>

#include "kvctl/raftlog/source.hpp"

namespace kvctl::raftlog {

/// The wal directory that `path` means: itself, its `wal`, or its `member/wal`; nullopt when none of them
/// holds .wal files.
[[nodiscard]] std::optional<std::string> find_wal_dir(const std::string& path);

/// How many threads read: of itself two for 16 MiB and more where there are two cores to use. What they read
/// is the same.
enum class Threads { automatic, one, two };

/// Reads etcd's write-ahead log in `directory` (member/wal), and the .snap files in `snap_directory`, unless
/// given the `snap` folder beside it. All records are walked once at opening, 32 bytes are kept of each
/// entry; each(Want::data) reads entries again. Checksums that do not match, torn tails, missing segments and
/// the like are findings with file and offset; reading goes on behind them where frames can still be told
/// apart, else with the next segment.
[[nodiscard]] std::unique_ptr<Source> open_wal_dir(const std::string& directory,
                                                   const std::string& snap_directory = "",
                                                   Threads threads = Threads::automatic);

}  // namespace kvctl::raftlog
