#include "kvctl/report/html/text.hpp"

#include <array>
#include <cmath>
#include <cstdio>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/format.hpp"

namespace kvctl::report::html {
namespace {

// Cuts never fall inside a character.
bool starts_character(char c) noexcept {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
}

const char* class_of(Column::Kind kind) noexcept {
    switch (kind) {
        case Column::Kind::words:
            return "";
        case Column::Kind::number:
            return " class=\"n\"";
        case Column::Kind::code:
            return " class=\"k\"";
    }
    return "";
}

}  // namespace

std::string text(std::string_view bytes) {
    std::string safe;
    for (const char c : escape(bytes)) {
        switch (c) {
            case '&':
                safe += "&amp;";
                break;
            case '<':
                safe += "&lt;";
                break;
            case '>':
                safe += "&gt;";
                break;
            case '"':
                safe += "&quot;";
                break;
            case '\'':
                safe += "&#39;";
                break;
            default:
                safe += c;
        }
    }
    return safe;
}

std::string shortened(std::string_view key, std::size_t most) {
    if (key.size() <= most) return std::string(key);
    std::size_t head = most * 2 / 3;
    std::size_t tail = key.size() - (most - head);
    while (head > 0 && !starts_character(key[head])) --head;
    while (tail < key.size() && !starts_character(key[tail])) ++tail;
    return std::string(key.substr(0, head)) + "…" + std::string(key.substr(tail));
}

std::string decimal(double value) {
    const auto hundredths = static_cast<std::int64_t>(std::llround(value * 100));
    const std::int64_t whole = std::abs(hundredths) / 100;
    const std::int64_t rest = std::abs(hundredths) % 100;
    std::string s = (hundredths < 0 ? "-" : "") + std::to_string(whole);
    if (rest == 0) return s;
    s += rest < 10 ? ".0" : ".";
    s += std::to_string(rest % 10 == 0 ? rest / 10 : rest);
    return s;
}

std::string percent(double part, double whole) {
    if (whole <= 0) return "0 %";
    const double share = 100 * part / whole;
    if (share >= 10 || share == 0) return fmt::format("{} %", std::llround(share));
    return decimal(std::max(std::round(share * 10) / 10, 0.1)) + " %";
}

void write_table(std::ostream& out, std::string_view id, std::string_view caption,
                 const std::vector<Column>& columns, const std::vector<std::vector<std::string>>& rows) {
    constexpr std::size_t k_short = 20;  // rows that are shown without scrolling
    out << "<div class=\"scroll" << (rows.size() <= k_short ? " short" : "")
        << R"(" role="region" tabindex="0" aria-labelledby=")" << id << "\"><table><caption id=\"" << id
        << "\">" << text(caption) << "</caption>\n<thead><tr>";
    for (const Column& c : columns)
        out << "<th scope=\"col\"" << class_of(c.kind) << '>' << text(c.head) << "</th>";
    out << "</tr></thead>\n<tbody>\n";
    for (const auto& row : rows) {
        out << "<tr>";
        for (std::size_t i = 0; i < columns.size() && i < row.size(); ++i) {
            const char* const element = i == 0 ? "th" : "td";
            out << '<' << element << (i == 0 ? " scope=\"row\"" : "") << class_of(columns[i].kind) << '>'
                << text(row[i]) << "</" << element << '>';
        }
        out << "</tr>\n";
    }
    out << "</tbody></table></div>\n";
}

}  // namespace kvctl::report::html
