#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kvctl/base/strong.hpp"
#include "kvctl/base/text.hpp"
#include "kvctl/mvcc/rules.hpp"
#include "kvctl/store/open.hpp"
#include "kvctl/store/sqlite/execute.hpp"
#include "tools/options.hpp"
#include "tools/shared_options.hpp"
#include "tools/values.hpp"

namespace kvctl::cli {

/// `kvctl compact` taken apart; nothing is open yet.
struct CompactOptions {
    std::string path;
    std::optional<MainRevision> rev;
    std::optional<std::uint64_t> keep_last;
    std::optional<std::uint64_t> target_size;
    bool dry_run = false;
    bool vacuum = false;
    std::optional<store::Strategy> strategy;  ///< nullopt: chosen by measure
    std::optional<std::string> output;
    std::optional<store::TargetKind> to;  ///< of the new file; nullopt: the layout that the store has
    bool renumber = false;
    std::optional<std::string> backup;
    std::optional<std::int64_t> batch;
    bool list = false;
    std::optional<std::string> list_file;
    std::optional<std::string> raft_log;
    std::optional<std::string> wal_dir;
    bool raft_index_auto = false;
    std::optional<std::uint64_t> raft_index;
    std::uint64_t raft_keep = 5000;
    std::optional<SizeOrPercent> min_gain;
    bool drop_old_values = false;
    bool disarm = false;
    bool all_members = false;
    bool exit_code = false;
    std::optional<mvcc::CompactionRules> rules;
    store::OpenOptions open;
    Output output_style;
    std::vector<std::string> given;  ///< options that shape the work, each with its value, quoted for a shell
    std::string command;             ///< a dry run's: the same without it

    /// The command with options left out, by name ("--batch"), and others in front of the store.
    [[nodiscard]] std::string command_with(const std::vector<std::string>& without,
                                           const std::string& more) const;

    [[nodiscard]] bool compacts_raft() const noexcept { return raft_index_auto || raft_index.has_value(); }
};

/// Throws a usage Error on anything that does not go together.
[[nodiscard]] CompactOptions parse_compact(const Args& args, const Io& io);

}  // namespace kvctl::cli
