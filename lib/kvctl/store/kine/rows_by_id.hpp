#pragma once
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "kvctl/base/finding.hpp"
#include "kvctl/sqlite/database.hpp"

namespace kvctl::store {

/// Where the rows of a table kine stand whose id is not its primary key, as a round trip through CSV or SQL
/// leaves it: in order of id, whatever their order in the table. 16 bytes a row.
class RowsById {
  public:
    struct Place {
        std::int64_t id = 0;
        std::int64_t rowid = 0;
        friend auto operator<=>(const Place&, const Place&) = default;
    };

    /// A row; sort() comes behind the last one.
    void add(std::int64_t rowid, sqlite::Type type_of_id, std::int64_t id);
    void sort();

    /// Ascending by id, rows that share one by rowid; those without a number for it are left out.
    [[nodiscard]] std::span<const Place> all() const noexcept { return places_; }
    /// Those with from <= id <= to.
    [[nodiscard]] std::span<const Place> between(std::int64_t from, std::int64_t to) const noexcept;
    /// The rows without a number for id, and the ids that several rows have: a finding each.
    void note(Finding::Severity severity, FindingLog& log) const;

  private:
    std::vector<Place> places_;
    std::vector<std::pair<std::int64_t, bool>> without_id_;  // rowid, and whether the id is NULL
};

}  // namespace kvctl::store
