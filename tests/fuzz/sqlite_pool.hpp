#pragma once

namespace kvctl::fuzz {

/// Gives SQLite memory from a pool instead of the sanitizers' malloc, which would take a third of an
/// execution. What lies behind an allocation, and what was freed, is poisoned all the same; only memory that
/// was freed and given out again is not told apart. Before anything of SQLite's is called.
void pool_sqlite_memory();

}  // namespace kvctl::fuzz
