#include "kvctl/kube/times.hpp"

#include <array>
#include <charconv>

#include "kvctl/base/proto.hpp"

namespace kvctl::kube {
namespace {

constexpr std::int64_t k_first_second = -62'135'596'800;  // of the year 1
constexpr std::int64_t k_last_second = 253'402'300'799;   // of the year 9999

// Days since 1970 of a date, and back, in the proleptic Gregorian calendar; a year begins in March.
std::int64_t days_of(std::int64_t year, unsigned month, unsigned day) noexcept {
    year -= month <= 2 ? 1 : 0;
    const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
    const auto of_era = static_cast<unsigned>(year - era * 400);
    const unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146'097 + (of_era * 365 + of_era / 4 - of_era / 100 + of_year) - 719'468;
}

struct Date {
    std::int64_t year;
    unsigned month;
    unsigned day;
};

Date date_of(std::int64_t days) noexcept {
    days += 719'468;
    const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
    const auto of_era = static_cast<unsigned>(days - era * 146'097);
    const unsigned year = (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
    const unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    const unsigned month = (5 * of_year + 2) / 153;
    return {static_cast<std::int64_t>(year) + era * 400 + (month >= 10 ? 1 : 0),
            month < 10 ? month + 3 : month - 9, of_year - (153 * month + 2) / 5 + 1};
}

// Takes exactly `digits` digits off the front.
bool take_digits(std::string_view& text, std::size_t digits, unsigned& value) noexcept {
    if (text.size() < digits) return false;
    value = 0;
    for (const char c : text.substr(0, digits)) {
        if (c < '0' || c > '9') return false;
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    text.remove_prefix(digits);
    return true;
}

bool take(std::string_view& text, char c) noexcept {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
}

// ".123456789" down to microseconds.
bool take_fraction(std::string_view& text, std::int64_t& micros) noexcept {
    if (!take(text, '.') && !take(text, ',')) return true;
    std::int64_t scale = k_second / 10;
    std::size_t digits = 0;
    for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits, scale /= 10)
        micros += (text[digits] - '0') * scale;
    text.remove_prefix(digits);
    return digits > 0;
}

// "Z", "+02:00" or nothing, as seconds east of UTC.
bool take_zone(std::string_view& text, std::int64_t& east) noexcept {
    if (text.empty() || take(text, 'Z') || take(text, 'z')) return true;
    const bool west = text.front() == '-';
    if (!take(text, '+') && !take(text, '-')) return false;
    unsigned hours = 0;
    unsigned minutes = 0;
    if (!take_digits(text, 2, hours)) return false;
    (void)take(text, ':');
    if (!text.empty() && !take_digits(text, 2, minutes)) return false;
    if (hours > 23 || minutes > 59) return false;
    east = (hours * 3600LL + minutes * 60LL) * (west ? -1 : 1);
    return true;
}

bool take_clock(std::string_view& text, std::int64_t& seconds, std::int64_t& micros) noexcept {
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;
    if (!take_digits(text, 2, hour)) return false;
    if (!take(text, ':') || !take_digits(text, 2, minute)) return false;
    if (take(text, ':') && (!take_digits(text, 2, second) || !take_fraction(text, micros))) return false;
    if (hour > 23 || minute > 59 || second > 60) return false;
    seconds = hour * 3600LL + minute * 60LL + second;
    return true;
}

unsigned days_in(unsigned year, unsigned month) noexcept {
    constexpr std::array<unsigned, 12> k_days{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : k_days[month - 1];
}

void append_padded(std::string& out, std::int64_t value, std::size_t digits) {
    const std::string text = std::to_string(value);
    if (text.size() < digits) out.append(digits - text.size(), '0');
    out += text;
}

struct Split {
    std::int64_t seconds;
    std::int64_t micros;
};

Split split(Time time) noexcept {
    std::int64_t seconds = time.value() / k_second;
    std::int64_t micros = time.value() % k_second;
    if (micros < 0) {
        micros += k_second;
        --seconds;
    }
    return {seconds, micros};
}

std::string format_seconds(std::int64_t seconds) {
    std::int64_t days = seconds / 86'400;
    std::int64_t of_day = seconds % 86'400;
    if (of_day < 0) {
        of_day += 86'400;
        --days;
    }
    const Date date = date_of(days);
    std::string out;
    append_padded(out, date.year, 4);
    for (const auto& [separator, value] :
         {std::pair('-', std::int64_t{date.month}), std::pair('-', std::int64_t{date.day}),
          std::pair('T', of_day / 3600), std::pair(':', of_day / 60 % 60), std::pair(':', of_day % 60)}) {
        out += separator;
        append_padded(out, value, 2);
    }
    return out;
}

}  // namespace

std::optional<Time> decode_time(std::string_view message) noexcept {
    if (message.empty()) return std::nullopt;
    std::int64_t seconds = 0;
    std::int64_t nanos = 0;
    proto::Reader reader(message);
    while (reader.next()) {
        if (reader.field() == 1) seconds = reader.signed_number();
        if (reader.field() == 2) nanos = static_cast<std::int32_t>(reader.signed_number());
    }
    if (reader.bad() || seconds < k_first_second || seconds > k_last_second || nanos < 0 ||
        nanos >= 1'000'000'000)
        return std::nullopt;
    return Time(seconds * k_second + nanos / 1000);
}

std::optional<Time> parse_time(std::string_view text) noexcept {
    unsigned year = 0;
    unsigned month = 0;
    unsigned day = 0;
    if (!take_digits(text, 4, year) || !take(text, '-') || !take_digits(text, 2, month) || !take(text, '-') ||
        !take_digits(text, 2, day))
        return std::nullopt;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in(year, month)) return std::nullopt;
    std::int64_t of_day = 0;
    std::int64_t micros = 0;
    std::int64_t east = 0;
    if (take(text, 'T') || take(text, 't') || take(text, ' ')) {
        if (!take_clock(text, of_day, micros)) return std::nullopt;
    }
    if (!take_zone(text, east) || !text.empty()) return std::nullopt;
    const std::int64_t seconds = days_of(year, month, day) * 86'400 + of_day - east;
    if (seconds < k_first_second || seconds > k_last_second) return std::nullopt;
    return Time(seconds * k_second + micros);
}

std::string format_time(Time time) {
    return format_seconds(split(time).seconds) + "Z";
}

std::string format_micro_time(Time time) {
    const Split s = split(time);
    std::string out = format_seconds(s.seconds) + ".";
    append_padded(out, s.micros, 6);
    return out + "Z";
}

std::string format_duration(std::int64_t nanoseconds) {
    if (nanoseconds == 0) return "0s";
    const bool negative = nanoseconds < 0;
    const std::uint64_t n =
        negative ? 0 - static_cast<std::uint64_t>(nanoseconds) : static_cast<std::uint64_t>(nanoseconds);
    std::string out;
    // "1.5" of a unit of `size` nanoseconds.
    const auto decimal = [&](std::uint64_t value, std::uint64_t size, const char* unit) {
        out += std::to_string(value / size);
        if (value % size != 0) {
            std::string digits = std::to_string(value % size);
            digits.insert(0, std::to_string(size).size() - 1 - digits.size(), '0');
            while (digits.back() == '0') digits.pop_back();
            out += "." + digits;
        }
        out += unit;
    };
    constexpr std::uint64_t k_nanos = 1'000'000'000;
    if (n < 1000) {
        decimal(n, 1, "ns");
    } else if (n < 1'000'000) {
        decimal(n, 1000, "µs");
    } else if (n < k_nanos) {
        decimal(n, 1'000'000, "ms");
    } else {
        const std::uint64_t minutes = n / (60 * k_nanos);
        if (minutes >= 60) out += std::to_string(minutes / 60) + "h";
        if (minutes > 0) out += std::to_string(minutes % 60) + "m";
        decimal(n % (60 * k_nanos), k_nanos, "s");
    }
    return negative ? "-" + out : out;
}

}  // namespace kvctl::kube
