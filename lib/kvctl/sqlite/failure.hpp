#pragma once
#include <string>

struct sqlite3;

namespace kvctl::sqlite {

/// Throws what a call that returned `rc` means: the kind by SQLite's extended code, the message with the
/// file, the code and, for a fault of ours, `sql`; never a bound value. `db` and `sql` may be null.
[[noreturn]] void fail(sqlite3* db, const std::string& path, int rc, const char* sql);

}  // namespace kvctl::sqlite
