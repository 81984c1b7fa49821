#pragma once
#include <string>
#include <vector>

#include "kvctl/jobs/compact.hpp"
#include "tools/options.hpp"
#include "tools/shared_options.hpp"

namespace kvctl::cli {

/// `kvctl compact` taken apart; nothing is open yet.
struct CompactOptions {
    jobs::CompactRequest request;
    bool dry_run = false;
    bool list = false;
    bool exit_code = false;
    Output display;
    std::vector<std::string> given;  ///< options that shape the work, each with its value, quoted for a shell

    /// The command with options left out, by name ("--batch"), and others in front of the store.
    [[nodiscard]] std::string command_with(const std::vector<std::string>& without,
                                           const std::string& more) const;
};

/// Throws a usage Error on anything that does not go together.
[[nodiscard]] CompactOptions parse_compact(const Args& args, const Io& io);

}  // namespace kvctl::cli
