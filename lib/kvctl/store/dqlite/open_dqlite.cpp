#include <array>

#include "kvctl/dqlite/folder.hpp"
#include "kvctl/store/dqlite/dqlite.hpp"
#include "kvctl/store/layout_case.hpp"

namespace kvctl::store {
namespace {

constexpr std::array k_dqlite_layouts{Layout::dqlite};

std::unique_ptr<Store> open_folder(const std::string& path, const std::string& /*file*/,
                                   const OpenOptions& options) {
    return open_dqlite(path, options);
}

Salvaged salvage_folder(const std::string& path, const std::string& /*file*/, const OpenOptions& options,
                        const TempFile& made, Progress* progress) {
    return salvage_dqlite(path, options, made, progress);
}

}  // namespace

constinit const LayoutCase k_dqlite_case{.layouts = k_dqlite_layouts,
                                         .what = "a dqlite directory",
                                         .is_part = dqlite::is_dqlite,
                                         .open = open_folder,
                                         .has_states = true,
                                         .refuse = refuse_dqlite_in_place,
                                         .salvage = {.into_copy = salvage_folder}};

}  // namespace kvctl::store
