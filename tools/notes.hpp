#pragma once
#include <string>

#include "kvctl/report/notes.hpp"
#include "tools/commands.hpp"
#include "tools/shared_options.hpp"

namespace kvctl::cli {

/// Warnings and findings on stderr, a line each, when the format is text and -q was not given: under JSON
/// they are in the document. `path` goes in front of those that do not name it themselves; empty: of none.
void write_notes(const report::Notes& notes, const std::string& path, const Output& output, Io& io);

}  // namespace kvctl::cli
