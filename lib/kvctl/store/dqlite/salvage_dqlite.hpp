#pragma once
#include <string>

#include "kvctl/base/progress.hpp"
#include "kvctl/store/open.hpp"
#include "kvctl/store/salvage.hpp"

namespace kvctl::store {

/// Whether salvage_dqlite() is the one to ask.
[[nodiscard]] bool is_dqlite_directory(const std::string& real_path);

/// Copies every row that can be had of a dqlite directory into the empty file `made`, a kine store: those of
/// the state that its log comes to, and, from pages that were written behind damage or lie in files that
/// dqlite set aside, those of later revisions. Such a row is only taken when all the pages it stands on were
/// written in one unbroken run of entries. Throws damaged where there is not one row, io.
[[nodiscard]] Salvaged salvage_dqlite(const std::string& path, const OpenOptions& options,
                                      const TempFile& made, Progress* progress);

}  // namespace kvctl::store
