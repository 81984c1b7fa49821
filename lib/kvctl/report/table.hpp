#pragma once
#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

namespace kvctl::report {

/// Lines of cells in aligned columns for a terminal: all but the first to the right. Widths count characters
/// of UTF-8.
class Table {
  public:
    explicit Table(std::size_t indent) : indent_(indent) {}
    /// Columns counted from the left that are set to the left; 1 unless set.
    void left_columns(std::size_t count) { left_ = count; }
    void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    void write(std::ostream& out) const;

  private:
    std::size_t indent_;
    std::size_t left_ = 1;
    std::vector<std::vector<std::string>> rows_;
};

/// Thousands apart: 1,234,567.
[[nodiscard]] std::string grouped(std::uint64_t number);

}  // namespace kvctl::report
