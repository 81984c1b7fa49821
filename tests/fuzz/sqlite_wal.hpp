#pragma once
#include <string>
#include <string_view>

namespace kvctl::fuzz {

/// The -wal that turns the database `before` into `after`, as one transaction with sound checksums: a frame
/// for each page of `after` that is not the same in `before`, one at least. Pages are of `page_size` bytes;
/// both are in WAL mode (in_wal_mode()).
[[nodiscard]] std::string wal_between(std::string_view before, std::string_view after, std::size_t page_size);

/// The same database with the header of one in WAL mode.
[[nodiscard]] std::string in_wal_mode(std::string database);

}  // namespace kvctl::fuzz
