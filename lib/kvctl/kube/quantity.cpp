#include "kvctl/kube/quantity.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

namespace kvctl::kube {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr Wide k_most_digits = ~Wide{0} / 2048;

// digits * 10^tens, the last digit not 0; two amounts are equal when these are.
struct Amount {
    bool negative = false;
    Wide digits = 0;
    int tens = 0;
    friend bool operator==(const Amount&, const Amount&) = default;
};

struct Unit {
    int tens = 0;
    int twos = 0;
};

std::optional<Unit> unit_of(std::string_view suffix) noexcept {
    constexpr std::array<std::pair<std::string_view, Unit>, 16> k_units{{{"", {0, 0}},
                                                                         {"n", {-9, 0}},
                                                                         {"u", {-6, 0}},
                                                                         {"m", {-3, 0}},
                                                                         {"k", {3, 0}},
                                                                         {"M", {6, 0}},
                                                                         {"G", {9, 0}},
                                                                         {"T", {12, 0}},
                                                                         {"P", {15, 0}},
                                                                         {"E", {18, 0}},
                                                                         {"Ki", {0, 10}},
                                                                         {"Mi", {0, 20}},
                                                                         {"Gi", {0, 30}},
                                                                         {"Ti", {0, 40}},
                                                                         {"Pi", {0, 50}},
                                                                         {"Ei", {0, 60}}}};
    for (const auto& [name, unit] : k_units) {
        if (name == suffix) return unit;
    }
    if (suffix.size() < 2 || (suffix[0] != 'e' && suffix[0] != 'E')) return std::nullopt;
    suffix.remove_prefix(suffix[1] == '+' ? 2 : 1);
    Unit unit;
    const auto [end, code] = std::from_chars(suffix.data(), suffix.data() + suffix.size(), unit.tens);
    const bool whole = code == std::errc{} && end == suffix.data() + suffix.size();
    return whole && unit.tens > -1000 && unit.tens < 1000 ? std::optional(unit) : std::nullopt;
}

std::optional<Amount> parse(std::string_view text) noexcept {
    Amount a;
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
        a.negative = text[0] == '-';
        text.remove_prefix(1);
    }
    bool point = false;
    bool any = false;
    std::size_t i = 0;
    for (; i < text.size() && ((text[i] >= '0' && text[i] <= '9') || (text[i] == '.' && !point)); ++i) {
        if (text[i] == '.') {
            point = true;
            continue;
        }
        if (a.digits > k_most_digits / 10) return std::nullopt;
        a.digits = a.digits * 10 + static_cast<unsigned>(text[i] - '0');
        a.tens -= point ? 1 : 0;
        any = true;
    }
    const auto unit = unit_of(text.substr(i));
    if (!any || !unit) return std::nullopt;
    a.tens += unit->tens;
    for (int n = 0; n < unit->twos; ++n) {
        // Times two; a fraction in tenths first gives its fives back.
        if (a.digits > k_most_digits) return std::nullopt;
        a.digits *= 2;
        if (a.digits % 10 == 0 && a.digits != 0) {
            a.digits /= 10;
            ++a.tens;
        }
    }
    if (a.digits == 0) return Amount{};
    for (; a.digits % 10 == 0; ++a.tens) a.digits /= 10;
    return a;
}

}  // namespace

bool same_quantity(std::string_view a, std::string_view b) noexcept {
    if (a == b) return true;
    const auto left = parse(a.empty() ? "0" : a);
    const auto right = parse(b.empty() ? "0" : b);
    return left && right && *left == *right;
}

}  // namespace kvctl::kube
