#pragma once
#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "kvctl/base/text.hpp"
#include "kvctl/report/screen.hpp"

namespace kvctl::report {

/// Lines of cells in aligned columns for a terminal: all but the first to the right.
class Table {
  public:
    explicit Table(std::size_t indent) : indent_(indent) {}
    /// Columns counted from the left that are set to the left; 1 unless set.
    void left_columns(std::size_t count) { left_ = count; }
    /// The first column, or another, is shortened in the middle of its texts, so that lines fit the terminal;
    /// without one they are as long as they are.
    void fit(const TextStyle& style, std::size_t column = 0) {
        columns_ = style.columns;
        fitted_ = column;
        ascii_ = style.bars == TextStyle::Bars::ascii;
    }
    /// The last column holds bars, which begin at one place.
    void with_bars(bool yes) { bars_ = yes; }
    void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    void write(std::ostream& out) const;

  private:
    std::size_t indent_;
    std::size_t left_ = 1;
    std::size_t columns_ = 0;
    std::size_t fitted_ = 0;
    bool ascii_ = false;
    bool bars_ = false;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace kvctl::report
