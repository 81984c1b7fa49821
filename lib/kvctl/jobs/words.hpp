#pragma once
#include <string>

#include "kvctl/base/command.hpp"
#include "kvctl/base/finding.hpp"
#include "kvctl/base/format.hpp"
#include "kvctl/store/open.hpp"

namespace kvctl::jobs {

/// The end of a command about the same store: " STORE", with the options that chose it before it.
[[nodiscard]] inline std::string store_words(const std::string& path, const store::OpenOptions& open) {
    std::string words;
    if (open.layout) words += fmt::format(" --layout {}", open.layout->name());
    if (open.member) words += " --member " + shell_quoted(*open.member);
    if (open.raft_index) words += fmt::format(" --raft-index {}", *open.raft_index);
    return words + operand(path);
}

/// "PATH: WHERE: WHAT", with the path once where the place names it itself.
[[nodiscard]] inline std::string fault_text(const std::string& path, const Finding& f) {
    if (f.where.starts_with(path)) return fmt::format("{}: {}", f.where, f.what);
    return fmt::format("{}: {}{}", path, f.where.empty() ? "" : f.where + ": ", f.what);
}

}  // namespace kvctl::jobs
