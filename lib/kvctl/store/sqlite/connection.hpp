#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "kvctl/sqlite/database.hpp"
#include "kvctl/store/one_moment.hpp"
#include "kvctl/store/sqlite/name_doubt.hpp"
#include "kvctl/store/store.hpp"

namespace kvctl::store {

/// What an SQLite database begins with.
inline constexpr std::string_view k_sqlite_magic{"SQLite format 3\0", 16};

/// Checks from the header alone that `path` is a whole SQLite database, and fills in a StoreInfo but for the
/// layout. Throws not_a_store, damaged or io.
[[nodiscard]] StoreInfo inspect_file(const std::string& given_path, const std::string& real_path);
/// The same by a descriptor of the file, which stays open: closing one would drop SQLite's locks on it.
[[nodiscard]] StoreInfo inspect_file(const std::string& given_path, const std::string& real_path, int fd);

/// A connection chosen so that reading changes nothing (sqlite::Database::Mode). It holds one snapshot from
/// the start.
struct Connection {
    enum class Access {
        shared,    ///< rollback journal: SQLite's own shared lock holds writers off
        lockless,  ///< WAL, and nobody has it open
        live,      ///< WAL, and somebody has it open
        owned,     ///< inside a writer's own exclusive transaction
    };
    sqlite::Database db;
    Access access = Access::shared;
    Fingerprint seen;
    std::optional<NameDoubt> doubt{};  ///< what was found as it was opened
};
/// Waits up to `timeout_ms` for a writer that holds the file; then throws busy with its pid.
[[nodiscard]] Connection open_for_reading(const StoreInfo& info, int timeout_ms);

/// Below so many pages a second connection costs more than it brings.
inline constexpr std::uint64_t k_second_from_pages = 5000;

/// Calls `work` on the connection and, where a second one pays (`many`) and sees the same rows, on that at
/// the same time. What one of them throws ends both: `work` gets 0 or 1, and a flag that the other has
/// failed; a statement that the second is in the middle of is cut short when the first fails.
void on_connections(
    Connection& connection, const std::string& real_path, bool many,
    const std::function<void(const sqlite::Database&, std::size_t, const std::atomic<bool>&)>& work);

}  // namespace kvctl::store
