#include "kvctl/report/screen.hpp"

#include <algorithm>
#include <cmath>

#include "kvctl/base/format.hpp"
#include "kvctl/report/width.hpp"

namespace kvctl::report {
namespace {

const char* code_of(Meaning meaning) noexcept {
    switch (meaning) {
        case Meaning::good:
        case Meaning::live:
            return "32";
        case Meaning::caution:
        case Meaning::history:
            return "33";
        case Meaning::bad:
            return "31";
        case Meaning::aside:
            return "2";
    }
    return "0";
}

// `part` of `whole` in columns, rounded to the nearest; at least one for anything.
std::size_t share(std::uint64_t part, std::uint64_t whole, std::size_t columns) noexcept {
    if (part == 0 || whole == 0) return 0;
    const double exact =
        static_cast<double>(part) / static_cast<double>(whole) * static_cast<double>(columns);
    return std::clamp<std::size_t>(static_cast<std::size_t>(std::lround(exact)), 1, columns);
}

std::string repeated(const char* glyph, std::size_t n) {
    std::string text;
    for (; n > 0; --n) text += glyph;
    return text;
}

}  // namespace

std::size_t TextStyle::fitting(std::size_t most, std::size_t others) const noexcept {
    if (rows == 0) return most;
    constexpr std::size_t k_least = 3;
    return std::min(most, rows > others + k_least ? rows - others : k_least);
}

std::string in_width(const TextStyle& style, const std::string& first, const std::string& second) {
    const bool fits = style.columns == 0 || display_width(first) + 1 + display_width(second) <= style.columns;
    return first + (fits ? " " : "\n  ") + second;
}

std::string paint(const TextStyle& style, Meaning meaning, const std::string& text) {
    if (!style.color || text.empty()) return text;
    return std::string("\x1b[") + code_of(meaning) + "m" + text + "\x1b[0m";
}

std::string bar(const TextStyle& style, std::uint64_t live, std::uint64_t history, std::uint64_t whole,
                std::size_t columns) {
    if (style.bars == TextStyle::Bars::none) return {};
    const bool ascii = style.bars == TextStyle::Bars::ascii;
    const std::size_t all = share(live + history, whole, columns);
    const std::size_t now = std::min(share(live, whole, columns), history > 0 && all > 1 ? all - 1 : all);
    const std::size_t past = all - now;
    return paint(style, Meaning::live, repeated(ascii ? "#" : "\u2588", now)) +
           paint(style, Meaning::history, repeated(ascii ? "=" : "\u2592", past));
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
    if (part == 0 || whole == 0) return "0 %";
    if (part >= whole) return "100 %";
    const auto share = static_cast<unsigned>(static_cast<double>(part) / static_cast<double>(whole) * 100);
    return share == 0 ? "under 1 %" : fmt::format("{} %", share);
}

std::string gain(const TextStyle& style, std::uint64_t before, std::uint64_t after, bool executed) {
    if (after >= before) return {};
    return fmt::format("{} to {}: {} {} ({})", style.bytes(before), style.bytes(after),
                       executed ? "freed" : "frees", style.bytes(before - after),
                       percent(before - after, before));
}

}  // namespace kvctl::report
