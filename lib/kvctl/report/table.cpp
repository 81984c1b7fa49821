#include "kvctl/report/table.hpp"

#include <algorithm>

namespace kvctl::report {
namespace {

std::size_t width(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

void Table::write(std::ostream& out) const {
    std::vector<std::size_t> widths;
    for (const auto& r : rows_) {
        widths.resize(std::max(widths.size(), r.size()));
        for (std::size_t i = 0; i < r.size(); ++i) widths[i] = std::max(widths[i], width(r[i]));
    }
    for (const auto& r : rows_) {
        std::string line(indent_, ' ');
        for (std::size_t i = 0; i < r.size(); ++i) {
            const std::string pad(widths[i] - width(r[i]), ' ');
            if (i > 0) line += "  ";
            line += i < left_ ? r[i] + pad : pad + r[i];
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out << line << '\n';
    }
}

std::string grouped(std::uint64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t i = text.size(); i > 3;) {
        i -= 3;
        text.insert(i, ",");
    }
    return text;
}

}  // namespace kvctl::report
