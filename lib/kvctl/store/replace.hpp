#pragma once
#include <string>

#include "kvctl/store/sqlite/writable.hpp"
#include "kvctl/store/temp_file.hpp"

namespace kvctl::store {

/// Puts a complete new file in the place of an open store: moves a -wal into the old file, closes it, holds
/// SQLite's lock bytes itself so that nobody gets in between, makes sure that no -wal or -journal is left and
/// that the file is still what it was, SQLite's change counter included, renames, syncs the folder. Throws
/// in_use, with the store as it was, when somebody came in between.
void replace_store(SqliteWritable& writable, TempFile& replacement);

/// Marks a complete file as one in WAL mode, as its source was; nothing else of it changes.
void mark_wal_mode(const TempFile& file);

}  // namespace kvctl::store
