#pragma once
#include <cstdint>

namespace kvctl::store {

/// Bytes an integer takes in an SQLite record (0 for 0 and 1).
[[nodiscard]] std::uint32_t integer_bytes(std::int64_t value) noexcept;
/// Bytes of an SQLite varint.
[[nodiscard]] std::uint32_t varint_bytes(std::uint64_t value) noexcept;
/// Bytes of the header entry for a text or blob of that length.
[[nodiscard]] std::uint32_t serial_bytes(std::uint64_t length) noexcept;

/// Counts the pages SQLite fills when rows are appended to a table in rowid order, as a copy of the survivors
/// and VACUUM both do: a leaf takes cells until the next one does not fit; what does not fit locally goes to
/// overflow pages.
class TablePages {
  public:
    explicit TablePages(std::uint64_t usable_size) : usable_(usable_size) {}
    /// A row with a record of `payload` bytes.
    void add(std::int64_t rowid, std::uint64_t payload) noexcept;
    /// Leaves, overflow and interior pages so far; 1 for an empty table.
    [[nodiscard]] std::uint64_t pages() const noexcept;

  private:
    std::uint64_t usable_;
    std::uint64_t leaves_ = 1;
    std::uint64_t overflow_ = 0;
    std::uint64_t used_ = 0;     // bytes of cells and pointers on the last leaf
    std::uint64_t divider_ = 0;  // bytes of interior cells, all levels' lowest
};

/// The same for an index whose entries are inserted in key order. Entries may be added in any order: only
/// their sizes count.
class IndexPages {
  public:
    explicit IndexPages(std::uint64_t usable_size) : usable_(usable_size) {}
    void add(std::uint64_t payload) noexcept;
    [[nodiscard]] std::uint64_t pages() const noexcept;

  private:
    std::uint64_t usable_;
    std::uint64_t leaves_ = 1;
    std::uint64_t overflow_ = 0;
    std::uint64_t used_ = 0;
    std::uint64_t divider_ = 0;
    std::uint64_t dividers_ = 0;
};

}  // namespace kvctl::store
