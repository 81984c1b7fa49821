#pragma once
#include "gen_options.hpp"
#include "gen_summary.hpp"

namespace kvctl::gen {

/// Writes a native revision store: some keys are written often and most rarely, some are deleted and come
/// back.
void write_native(const Options& options, Summary& summary);

}  // namespace kvctl::gen
