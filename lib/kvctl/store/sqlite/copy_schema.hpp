#pragma once
#include <string>

#include "kvctl/sqlite/database.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {

/// Opens `path` (an empty file) as a new database with the page size, reserved bytes, encoding, auto_vacuum,
/// user_version and application_id of `source`, no journal and no syncs: whoever publishes the file syncs it.
/// The source is attached as "src": without locks when `lockless` (its holder is this process), else as any
/// reader.
[[nodiscard]] sqlite::Database create_like(const std::string& path, const sqlite::Database& source,
                                           const StoreInfo& source_info, bool lockless);

/// Every table of src made in main, still empty and without its indexes; SQLite's own tables included.
void copy_tables(const sqlite::Database& db);
/// The rows of every table but `except`, SQLite's own tables included.
void copy_other_rows(const sqlite::Database& db, const std::string& except);
/// Indexes, built now, then views, triggers and virtual tables as they stand.
void copy_indexes(const sqlite::Database& db);

}  // namespace kvctl::store
