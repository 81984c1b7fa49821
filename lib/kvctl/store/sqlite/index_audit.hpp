#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "kvctl/store/sqlite/connection.hpp"
#include "kvctl/store/sqlite/index_check.hpp"

namespace kvctl::store {

/// Whether a table's indexes hold what it does: while its rows are scanned what they must hold is gathered,
/// then they are read.
class IndexAudit {
  public:
    /// Forgets what was gathered: a scan is about to begin.
    void begin(const TableInfo& table, std::span<const sqlite::ScanColumn> columns, std::size_t identity);
    /// What the scan gathers in; null unless begin() was called.
    [[nodiscard]] IndexContents* contents() noexcept { return contents_ ? &*contents_ : nullptr; }
    /// The scan has gathered from every row.
    void complete() noexcept { gathered_ = true; }
    [[nodiscard]] bool gathered() const noexcept { return gathered_; }
    /// A scan for the sake of the indexes alone, behind begin().
    void gather(const sqlite::Database& db, const std::string& columns);

    /// Behind a complete scan: names an index of this choice that does not hold what the table does; empty:
    /// there is none. `middle`: a revision that halves the rows.
    [[nodiscard]] std::string fault(Connection& connection, const StoreInfo& info, IndexChoice choice,
                                    std::int64_t middle);

  private:
    std::optional<IndexContents> contents_;
    std::string table_;
    bool gathered_ = false;
};

}  // namespace kvctl::store
