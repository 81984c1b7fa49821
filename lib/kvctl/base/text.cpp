#include "kvctl/base/text.hpp"

#include <array>
#include <cstddef>

#include "kvctl/base/format.hpp"

namespace kvctl {

std::string format_bytes(std::uint64_t bytes) {
    constexpr std::array<std::string_view, 7> k_units{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) return group_digits(bytes) + " B";
    constexpr std::uint64_t k_next = std::uint64_t{1024} * 1024;
    std::size_t unit = 1;
    std::uint64_t whole = bytes;  // in units of k_units[unit - 1]
    while (whole >= k_next) {
        whole /= 1024;
        ++unit;
    }
    // Tenths, rounded half up; what was cut off on the way never changes a half into less.
    std::uint64_t tenths = (whole * 10 + 512) / 1024;
    if (tenths >= 10'240 && unit + 1 < k_units.size()) {
        tenths = 10;
        ++unit;
    }
    return fmt::format("{}.{} {}", group_digits(tenths / 10), tenths % 10, k_units[unit]);
}

std::string format_bytes_exact(std::uint64_t bytes) {
    const std::string exact = group_digits(bytes) + (bytes == 1 ? " byte" : " bytes");
    return bytes < 1024 ? exact : fmt::format("{} ({})", format_bytes(bytes), exact);
}

std::string group_digits(std::uint64_t number) {
    std::string out = std::to_string(number);
    for (std::size_t i = out.size(); i > 3; i -= 3) out.insert(i - 3, 1, ',');
    return out;
}

std::string many(std::uint64_t n, std::string_view what) {
    const bool entries = n != 1 && what.ends_with("ry");
    return fmt::format("{} {}{}", group_digits(n), what.substr(0, what.size() - (entries ? 1 : 0)),
                       n == 1    ? ""
                       : entries ? "ies"
                                 : "s");
}

std::string group_digits(std::int64_t number) {
    const auto magnitude = static_cast<std::uint64_t>(number);
    return number < 0 ? '-' + group_digits(std::uint64_t{0} - magnitude) : group_digits(magnitude);
}

std::string shell_quoted(const std::string& word) {
    constexpr std::string_view k_plain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,@%+";
    if (!word.empty() && word.find_first_not_of(k_plain) == std::string::npos) return word;
    // Control characters would act on the terminal the command is shown on.
    bool control = false;
    for (const char c : word) control = control || static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    std::string out = control ? "$'" : "'";
    for (const char c : word) {
        const auto u = static_cast<unsigned char>(c);
        if (control && (u < 0x20 || u == 0x7F)) {
            out += '\\';
            out += static_cast<char>('0' + (u >> 6));
            out += static_cast<char>('0' + (u >> 3 & 7));
            out += static_cast<char>('0' + (u & 7));
        } else if (c == '\'') {
            out += control ? "\\'" : "'\\''";
        } else if (control && c == '\\') {
            out += "\\\\";
        } else {
            out += c;
        }
    }
    return out + "'";
}

}  // namespace kvctl
