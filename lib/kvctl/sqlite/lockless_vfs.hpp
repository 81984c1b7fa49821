#pragma once

namespace kvctl::sqlite {

/// Registers, once, a VFS that only ever reads: the database without locks, the -wal if there is one (else an
/// empty one), nothing else; it deletes nothing, truncates nothing and shares no memory. A connection on it
/// must set locking_mode=EXCLUSIVE before its first read, so that SQLite keeps the wal-index on the heap.
/// Returns its name.
const char* lockless_vfs();

/// As lockless_vfs(), for a database that may end too early: it is as long as its header counts, and a read
/// of what is not there is one of a damaged page.
const char* cut_file_vfs();

}  // namespace kvctl::sqlite
