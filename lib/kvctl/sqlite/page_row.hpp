#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "kvctl/sqlite/database.hpp"
#include "kvctl/sqlite/scan_column.hpp"

namespace kvctl::sqlite {

/// A row as it stands on a leaf page, with the face of Values and Row. What SQLite would convert is not
/// converted: asking for it makes the row odd(), and SQLite has to be asked instead.
class PageRow {
  public:
    static constexpr std::size_t k_most_columns = 32;

    /// A column of the table where a scanned one comes from.
    struct Place {
        std::size_t column = 0;  ///< among the stored ones
        ScanColumn::What what = ScanColumn::What::content;
        bool rowid = false;  ///< INTEGER PRIMARY KEY: the record holds NULL in its place
    };

    class Cell {
      public:
        [[nodiscard]] Type type() const noexcept;
        [[nodiscard]] std::int64_t integer() const noexcept;
        [[nodiscard]] std::string_view bytes() const noexcept;
        [[nodiscard]] bool null() const noexcept { return type() == Type::null; }

      private:
        friend class PageRow;
        Cell(const PageRow& row, std::size_t place) : row_(&row), place_(place) {}
        const PageRow* row_;
        std::size_t place_;
    };

    /// `places` outlives it.
    explicit PageRow(std::span<const Place> places);

    /// Takes the cell of a table's leaf at `at`; `page` is the page's usable part. False: it is not one that
    /// can be read without its overflow pages, or it is damaged. The row lives as long as the page.
    [[nodiscard]] bool read(std::string_view page, std::size_t at);

    [[nodiscard]] std::int64_t rowid() const noexcept { return rowid_; }
    [[nodiscard]] Cell operator[](std::size_t i) const noexcept { return {*this, i}; }
    /// Whether anything was asked of this row that only SQLite can tell.
    [[nodiscard]] bool odd() const noexcept { return odd_; }

  private:
    struct Stored {
        std::uint64_t serial = 0;  // the record format's serial type
        const unsigned char* at = nullptr;
    };
    std::span<const Place> places_;
    std::size_t wanted_ = 0;   // stored columns up to the last that is scanned
    std::uint32_t whole_ = 0;  // those among them whose content must stand on the page
    std::array<Stored, k_most_columns> stored_{};
    std::int64_t rowid_ = 0;
    mutable bool odd_ = false;
};

/// Reads a number of one to nine bytes, seven bits each. Returns its bytes; 0: it ends behind `end`.
[[nodiscard]] inline std::size_t read_varint(const unsigned char* at, const unsigned char* end,
                                             std::uint64_t& value) noexcept {
    if (at < end && *at < 0x80) {
        value = *at;
        return 1;
    }
    value = 0;
    for (std::size_t i = 0; i < 9; ++i) {
        if (at + i >= end) return 0;
        const unsigned char byte = at[i];
        if (i == 8) {
            value = value << 8 | byte;
            return 9;
        }
        value = value << 7 | (byte & 0x7FU);
        if (byte < 0x80) return i + 1;
    }
    return 0;
}

}  // namespace kvctl::sqlite
