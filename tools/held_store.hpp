#pragma once
#include <string>

#include "kvctl/report/refusal.hpp"
#include "kvctl/sqlite/holders.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::cli {

/// What a run finds around a store's file.
struct Surroundings {
    bool several_names = false;
    sqlite::Holders holders;
};

/// Must come before SQLite opens the file, as find_holders() must.
[[nodiscard]] Surroundings look_around(const std::string& path);

/// Why a store is not replaced by a new file; empty: it may be.
[[nodiscard]] std::string why_in_place(bool several_names, bool held_open);
/// The same for a look around it: a rollback-journal store is written beside an idle holder, a WAL-mode store
/// only once it is alone.
[[nodiscard]] std::string why_in_place(const Surroundings& around, const store::StoreInfo& info);

/// What a writer meets that comes while `holders` have the store: `otherwise` when they are no hindrance,
/// else in-use first, with how to end them, and `otherwise` behind it.
[[nodiscard]] report::Refusal held_refusal(const store::StoreInfo& info, const sqlite::Holders& holders,
                                           report::Refusal otherwise);

}  // namespace kvctl::cli
