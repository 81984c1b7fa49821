#pragma once
#include <memory>
#include <string>

#include "kvctl/raftlog/file_reader.hpp"
#include "kvctl/raftlog/source.hpp"

namespace kvctl::raftlog {

/// JSON Lines: an optional header line of format kvctl.raftlog/1, then one entry a line (kvctl-raftlog(5)).
/// Prompts, code fences and log lines of a pasted text are passed over.
/// Bad JSON, a number that does not fit, a name given twice, an unknown entry type and invalid base64 are
/// `damaged` Errors that name line and column; opening reads up to the first entry.
[[nodiscard]] std::unique_ptr<Source> open_jsonl(FileReader file);

}  // namespace kvctl::raftlog
