#pragma once
#include <string>
#include <string_view>

struct sqlite3;

namespace kvctl::sqlite {

/// From here on SQLite's log is listened to: an allocation that failed, of any thread, is remembered for
/// fail(). Before SQLite is initialised; later it does nothing, and its "out of memory" is believed.
void watch_memory();

/// Throws what a call that returned `rc` means: the kind by SQLite's extended code, the message with the
/// file, the code and, for a fault of ours, `sql`; never a bound value. `db` and `sql` may be null.
[[noreturn]] void fail(sqlite3* db, const std::string& path, int rc, const char* sql);

/// Of a line that `PRAGMA integrity_check` gave, other than ok: throws io or std::bad_alloc where it speaks
/// of a page that could not be had, which SQLite calls a fault too.
void throw_unless_fault(const std::string& path, std::string_view line);

}  // namespace kvctl::sqlite
