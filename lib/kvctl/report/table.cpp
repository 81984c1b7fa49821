#include "kvctl/report/table.hpp"

#include <algorithm>

#include "kvctl/report/width.hpp"

namespace kvctl::report {
namespace {

constexpr std::size_t k_narrowest = 12;  // the column that is shortened is never cut below

}  // namespace

void Table::write(std::ostream& out) const {
    std::vector<std::size_t> widths;
    std::size_t most = 0;
    for (const auto& r : rows_) {
        most = std::max(most, r.size());
        widths.resize(most);
        for (std::size_t i = 0; i < r.size(); ++i) widths[i] = std::max(widths[i], display_width(r[i]));
    }
    if (columns_ > 0 && fitted_ < widths.size()) {
        std::size_t& fitted = widths[fitted_];
        std::size_t others = indent_ + 2 * (widths.size() - 1);
        for (std::size_t i = 0; i < widths.size(); ++i) others += i == fitted_ ? 0 : widths[i];
        if (fitted + others > columns_)
            fitted = std::min(fitted, std::max(k_narrowest, columns_ - std::min(columns_, others)));
    }
    for (const auto& r : rows_) {
        std::string line(indent_, ' ');
        for (std::size_t i = 0; i < r.size(); ++i) {
            const std::string cell =
                i == fitted_ && columns_ > 0 ? shorten_middle(r[i], widths[i], ascii_) : r[i];
            const std::string pad(widths[i] - std::min(widths[i], display_width(cell)), ' ');
            if (i > 0) line += "  ";
            // Bars, a column that only some rows have, begin where the numbers end.
            const bool left = i < left_ || (i + 1 == most && bars_);
            line += left ? cell + pad : pad + cell;
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out << line << '\n';
    }
}

}  // namespace kvctl::report
