#pragma once
#include <optional>
#include <string>

#include "kvctl/base/error.hpp"
#include "kvctl/base/finding.hpp"

namespace kvctl::store {

struct StoreInfo;

/// SQLite finds a -wal, a -shm and a -journal by the name that a file is opened by. Of a file with several
/// names it therefore does not see what was left, or is being written, beside another one: a reader misses
/// what is in there, and whoever writes destroys the file. This is what speaks against a name.
struct NameDoubt {
    std::string fact;       ///< what was found
    std::string elsewhere;  ///< the file that is not seen; empty: it is not known where it may be
    std::string way;        ///< what to do
};

/// nullopt: nothing does. Only before SQLite opens the file where `held`, and by whom, must be right; opens
/// none of the file's own descriptors. `held`: somebody has a lock on it, whether or not he is to be seen.
[[nodiscard]] std::optional<NameDoubt> doubt_name(const StoreInfo& info, bool held);

/// What a reader is told.
[[nodiscard]] Finding finding_of(const NameDoubt& doubt);
/// What a writer is refused with.
[[nodiscard]] Error refusal_of(const std::string& path, const NameDoubt& doubt);

/// "; pid 7 (k3s) has it open as /x/state.db" where that is another name than this one; else empty.
[[nodiscard]] std::string open_by_another_name(const std::string& real_path);

}  // namespace kvctl::store
