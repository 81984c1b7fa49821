#pragma once
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace kvctl::report {

/// A command that would do it another way, with what its new bytes need on the disk where they go.
struct WayOut {
    std::string instead;  ///< options to give instead of those that say how and where: "--batch 500"
    std::string command;  ///< the whole of it; whoever knows how the run was asked for fills it in
    std::uint64_t needs = 0;
    bool elsewhere = false;  ///< FILE (NEWDIR) in it stands for a file (a folder) on another disk
};

/// Why a real run would end without doing what a forecast says, and what to do about it.
struct Refusal {
    std::string reason;             ///< empty: it would not
    std::string kind;               ///< of the contract's exit codes
    std::vector<int> pids;          ///< in-use: of the holders
    std::string then;               ///< another reason that is left once the store is let go; may be empty
    std::vector<std::string> stop;  ///< in-use: lines for a shell that end the holders
    std::vector<WayOut> ways;       ///< no-space: what would do in place of the command

    [[nodiscard]] bool empty() const noexcept { return reason.empty(); }
    /// Whether the command, or one of the ways out, works once the holders have been stopped.
    [[nodiscard]] bool has_recipe() const noexcept {
        return !ways.empty() || (then.empty() && !stop.empty());
    }
};

struct TextStyle;

/// The end of a forecast: the reasons, if any, then the lines that would do it; the last line is a command.
void write_end(std::ostream& out, const Refusal& refusal, const std::string& command, const TextStyle& style);

}  // namespace kvctl::report
