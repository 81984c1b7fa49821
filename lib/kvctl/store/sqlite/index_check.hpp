#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kvctl/sqlite/database.hpp"
#include "kvctl/sqlite/scan_column.hpp"
#include "kvctl/store/sqlite/schema.hpp"

namespace kvctl::store {

/// Which indexes of a table are looked at.
enum class IndexChoice {
    all,
    by_constraint,  ///< only those that a constraint made: the others are about to be built anew
};

/// What the indexes of a table must hold, gathered from the rows of a scan, and compared with what they do
/// hold: SQLite reads an index without ever doubting it.
class IndexContents {
  public:
    /// Rows in any order: two sides hold the same when both numbers are the same. A line of the cache each:
    /// two threads add to neighbours.
    struct alignas(64) Sum {
        std::uint64_t rows = 0;
        std::uint64_t sum = 0;
    };
    /// What one thread gathers.
    struct Sums {
        std::vector<Sum> of;                // one an index that is compared
        std::vector<std::uint64_t> hashes;  // of the row at hand, one a scanned column
    };

    /// `scanned`: the columns of the rows that add() gets; the first `identity` of them tell
    /// a row from every other.
    IndexContents(const TableInfo& table, std::span<const sqlite::ScanColumn> scanned, std::size_t identity);

    [[nodiscard]] Sums no_rows() const {
        return {std::vector<Sum>(compared_.size()), std::vector<std::uint64_t>(scanned_.size())};
    }
    /// Of one stretch of the table; several threads may, with sums of their own.
    template <class Row>  // sqlite::Values or PageRow
    void add(const Row& row, Sums& sums) const;
    void merge(const Sums& sums);

    /// One index to read, or half of it.
    struct Part {
        std::size_t which = 0;  // among those compared
        std::string source;     // FROM
        Sum found;
    };
    /// The parts to read, in any order and on any connection; `middle`: a revision that halves the rows.
    [[nodiscard]] std::vector<Part> parts(IndexChoice choice, std::int64_t middle) const;
    void read(const sqlite::Database& db, Part& part) const;
    /// Names an index that lacks a row, has one too many, or one with other values; empty: there is none
    /// among those whose parts were read.
    [[nodiscard]] std::string fault(const std::vector<Part>& parts) const;
    /// The same of indexes of expressions or of other columns, by SQLite's own check of everything.
    [[nodiscard]] std::string fault_of_others(const sqlite::Database& db) const;

  private:
    /// Where the columns stand that the known condition asks.
    struct Condition {
        std::size_t name = 0;
        std::size_t previous = 0;
    };
    struct Compared {
        std::string name;
        bool by_constraint = false;
        std::optional<Condition> condition;
        bool halves = false;               // begins with the revision
        std::vector<std::size_t> columns;  // places among the scanned ones
        Sum in_table;
    };
    void add_entry(const Compared& index, const std::vector<std::uint64_t>& hashes, Sum& sum) const noexcept;
    std::string table_;
    std::vector<std::string> scanned_;
    std::size_t identity_;
    std::vector<std::size_t> wanted_;  // scanned columns that any index has
    std::vector<Compared> compared_;
    bool others_ = false;
};

}  // namespace kvctl::store
