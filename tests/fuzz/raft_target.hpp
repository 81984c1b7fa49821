#pragma once
#include <string_view>

namespace kvctl::test {

// Each reads bytes as one kind of raft log in every way the program does. Errors of kvctl's are the expected
// answer to damage; anything else escapes.
void read_as_log_file(std::string_view bytes);
/// As the only segment of a wal directory; checksums are made to match first when `mend` says so.
void read_as_wal(std::string_view bytes, bool mend);
void read_as_request(std::string_view bytes);

}  // namespace kvctl::test
