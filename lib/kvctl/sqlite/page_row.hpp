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
    // The record format's serial types.
    using Serial = std::uint64_t;
    static constexpr Serial k_real = 7;
    static constexpr Serial k_zero = 8;
    static constexpr Serial k_one = 9;
    static constexpr Serial k_first_blob = 12;  // even ones; odd ones above it are texts

    struct Stored {
        Serial serial = 0;
        const unsigned char* at = nullptr;
    };
    static bool is_integer(Serial s) noexcept { return (s >= 1 && s <= 6) || s == k_zero || s == k_one; }
    static std::uint64_t content_bytes(Serial s) noexcept {
        constexpr std::array<unsigned char, k_first_blob> k_of_numbers{0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
        return s >= k_first_blob ? (s - k_first_blob) / 2 : k_of_numbers[s];
    }
    static Type type_of(Serial s) noexcept {
        if (s == 0) return Type::null;
        if (s == k_real) return Type::real;
        if (is_integer(s)) return Type::integer;
        return s % 2 == 0 ? Type::blob : Type::text;
    }
    static std::string_view name_of(Type type) noexcept;

    std::span<const Place> places_;
    std::size_t wanted_ = 0;   // stored columns up to the last that is scanned
    std::uint32_t whole_ = 0;  // those among them whose content must stand on the page
    std::array<Stored, k_most_columns> stored_{};
    std::int64_t rowid_ = 0;
    mutable bool odd_ = false;
};

// A scan asks each row for eight of them.

inline Type PageRow::Cell::type() const noexcept {
    const Place& p = row_->places_[place_];
    const Serial s = row_->stored_[p.column].serial;
    switch (p.what) {
        case ScanColumn::What::length:
            return s == 0 ? Type::null : Type::integer;
        case ScanColumn::What::type:
            return Type::text;
        case ScanColumn::What::content:
            break;
    }
    return p.rowid ? Type::integer : type_of(s);
}

inline std::int64_t PageRow::Cell::integer() const noexcept {
    const Place& p = row_->places_[place_];
    if (p.rowid) return row_->rowid_;
    const Stored& s = row_->stored_[p.column];
    if (p.what == ScanColumn::What::length)
        return s.serial == 0 ? 0 : static_cast<std::int64_t>(content_bytes(s.serial));
    if (s.serial == 0 || s.serial == k_zero) return 0;
    if (s.serial == k_one) return 1;
    if (!is_integer(s.serial) || p.what == ScanColumn::What::type) {
        row_->odd_ = true;
        return 0;
    }
    auto value = static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<signed char>(s.at[0])));
    for (std::size_t i = 1; i < content_bytes(s.serial); ++i) value = value << 8 | s.at[i];
    return static_cast<std::int64_t>(value);
}

inline std::string_view PageRow::Cell::bytes() const noexcept {
    const Place& p = row_->places_[place_];
    const Stored& s = row_->stored_[p.column];
    if (p.what == ScanColumn::What::type) return name_of(type_of(s.serial));
    if (s.serial == 0 && !p.rowid) return {};
    if (s.serial < k_first_blob || p.what == ScanColumn::What::length) {
        row_->odd_ = true;
        return {};
    }
    return {reinterpret_cast<const char*>(s.at), content_bytes(s.serial)};
}

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
