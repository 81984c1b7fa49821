#include "tools/values.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>
#include <optional>
#include <string>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"

namespace kvctl::cli {
namespace {

Error bad_value(std::string_view option, std::string_view text, std::string_view why) {
    return usage_error(fmt::format("{}: '{}' {}", option, escape(text), why));
}

bool is_integer(std::string_view text) noexcept {
    if (text.starts_with('-')) text.remove_prefix(1);
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

template <class Integer>
Integer parse_integer(std::string_view option, std::string_view text, std::string_view what,
                      std::string_view most) {
    if (!is_integer(text)) throw bad_value(option, text, "is not a whole number");
    if (text.starts_with('-') && text.find_first_not_of("-0") != std::string_view::npos) {
        throw bad_value(option, text, fmt::format("is negative; a {} is never below 0", what));
    }
    if (text.starts_with('-')) return 0;
    Integer value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc{}) throw bad_value(option, text, fmt::format("is above {}", most));
    return value;
}

// A decimal number with up to six digits behind the point, as millionths: exact, without floating point.
struct Decimal {
    std::uint64_t whole = 0;
    std::uint64_t millionths = 0;
    std::string_view unit;
};

std::optional<Decimal> split_decimal(std::string_view text) {
    Decimal d;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), d.whole);
    if (code != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        std::uint64_t scale = 100'000;
        std::size_t digits = 0;
        for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits, scale /= 10) {
            d.millionths += static_cast<std::uint64_t>(text[digits] - '0') * scale;
        }
        if (digits == 0 || digits > 6) return std::nullopt;
        text.remove_prefix(digits);
    }
    d.unit = text;
    return d;
}

// whole.millionths times unit, rounded down; nullopt above `most` and for a fraction of one.
std::optional<std::uint64_t> times(const Decimal& d, std::uint64_t unit, std::uint64_t most) noexcept {
    if (d.whole > most / unit || (unit == 1 && d.millionths != 0)) return std::nullopt;
    const std::uint64_t fraction =
        unit / 1'000'000 * d.millionths + unit % 1'000'000 * d.millionths / 1'000'000;
    const std::uint64_t value = d.whole * unit;
    if (fraction > most - value) return std::nullopt;
    return value + fraction;
}

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

constexpr std::uint64_t k_kibi = 1024;
constexpr std::uint64_t k_kilo = 1000;
// By their lower case; "ki" is how Kubernetes writes it.
constexpr std::array k_sizes{
    Unit{"", 1},
    Unit{"b", 1},
    Unit{"k", k_kibi},
    Unit{"ki", k_kibi},
    Unit{"kib", k_kibi},
    Unit{"kb", k_kilo},
    Unit{"m", k_kibi* k_kibi},
    Unit{"mi", k_kibi* k_kibi},
    Unit{"mib", k_kibi* k_kibi},
    Unit{"mb", k_kilo* k_kilo},
    Unit{"g", k_kibi* k_kibi* k_kibi},
    Unit{"gi", k_kibi* k_kibi* k_kibi},
    Unit{"gib", k_kibi* k_kibi* k_kibi},
    Unit{"gb", k_kilo* k_kilo* k_kilo},
    Unit{"t", k_kibi* k_kibi* k_kibi* k_kibi},
    Unit{"ti", k_kibi* k_kibi* k_kibi* k_kibi},
    Unit{"tib", k_kibi* k_kibi* k_kibi* k_kibi},
    Unit{"tb", k_kilo* k_kilo* k_kilo* k_kilo},
};
constexpr std::array k_durations{
    Unit{"", 1000}, Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000}, Unit{"h", 3'600'000},
};

template <std::size_t N>
std::optional<std::uint64_t> factor_of(const std::array<Unit, N>& units, std::string_view name) noexcept {
    for (const Unit& u : units) {
        if (u.name == name) return u.factor;
    }
    return std::nullopt;
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return lower;
}

constexpr std::uint64_t k_second = 1'000'000;
constexpr std::array k_spans{
    Unit{"s", k_second},          Unit{"m", 60 * k_second},      Unit{"h", 3600 * k_second},
    Unit{"d", 86'400 * k_second}, Unit{"w", 604'800 * k_second},
};

}  // namespace

MainRevision parse_revision(std::string_view option, std::string_view text) {
    return MainRevision{parse_integer<std::int64_t>(
        option, text, "revision", "the largest revision there can be, 9223372036854775807")};
}

std::uint64_t parse_u64(std::string_view option, std::string_view text) {
    return parse_integer<std::uint64_t>(option, text, "number here", "18446744073709551615");
}

std::int64_t parse_i64(std::string_view option, std::string_view text) {
    return parse_integer<std::int64_t>(option, text, "number here", "9223372036854775807");
}

std::uint64_t parse_size(std::string_view option, std::string_view text) {
    const auto d = split_decimal(text);
    const auto factor = d ? factor_of(k_sizes, lower_case(d->unit)) : std::nullopt;
    if (!factor)
        throw bad_value(
            option, text,
            "is not a size; write bytes, or a number with K, M, G or Ki, Mi, Gi (1024) or kB, MB, "
            "GB (1000)");
    const auto bytes = times(*d, *factor, std::numeric_limits<std::uint64_t>::max());
    if (!bytes) throw bad_value(option, text, "is not a number of bytes below 2^64");
    return *bytes;
}

SizeOrPercent parse_size_or_percent(std::string_view option, std::string_view text) {
    if (!text.ends_with('%')) return SizeOrPercent::bytes(parse_size(option, text));
    const auto d = split_decimal(text);
    const auto share = d && d->unit == "%" ? times(*d, 1'000'000, SizeOrPercent::k_whole) : std::nullopt;
    if (!share) throw bad_value(option, text, "is not a share from 0% to 100%");
    return SizeOrPercent::millionths(*share);
}

std::chrono::milliseconds parse_duration(std::string_view option, std::string_view text) {
    const auto d = split_decimal(text);
    const auto factor = d ? factor_of(k_durations, d->unit) : std::nullopt;
    if (!factor)
        throw bad_value(option, text, "is not a duration; write 500ms, 10s, 2m, or a number of seconds");
    constexpr std::uint64_t k_most = 24ULL * 24 * 3'600'000;
    const auto ms = times(*d, *factor, k_most);
    if (!ms) throw bad_value(option, text, "is not a whole number of milliseconds up to 24 days");
    return std::chrono::milliseconds(*ms);
}

std::int64_t parse_span(std::string_view option, std::string_view text) {
    const auto d = split_decimal(text);
    const auto factor = d ? factor_of(k_spans, d->unit) : std::nullopt;
    if (!factor) throw bad_value(option, text, "is not a span of time; write 90m, 36h, 7d or 2w");
    constexpr std::uint64_t k_most = k_second * 1000 * 366 * 86'400;
    const auto span = times(*d, *factor, k_most);
    if (!span) throw bad_value(option, text, "is more than a thousand years");
    return static_cast<std::int64_t>(*span);
}

kube::Time parse_instant(std::string_view option, std::string_view text) {
    const auto time = kube::parse_time(text);
    if (!time)
        throw bad_value(option, text,
                        "is not a time; write 2026-11-20T08:00Z (RFC 3339, UTC without a zone)");
    return *time;
}

}  // namespace kvctl::cli
