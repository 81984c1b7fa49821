#pragma once
#include <string>

namespace kvctl::store {

/// What SQLite takes for a journal to roll back. In exclusive mode it ends a transaction by zeroing the
/// header; a crash before the file is deleted leaves one that says nothing. Throws io where it cannot be
/// read.
[[nodiscard]] bool holds_transaction(const std::string& journal);

}  // namespace kvctl::store
