#include "kvctl/raftlog/dump_lex.hpp"

#include <charconv>
#include <system_error>

namespace kvctl::raftlog {
namespace {

int digit_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return 16;
}

// Digits of a numeric escape, `most` at most.
bool take_code(std::string_view& text, int base, int most, std::string& out) {
    int value = 0;
    int n = 0;
    while (n < most && !text.empty() && digit_value(text[0]) < base) {
        value = value * base + digit_value(text[0]);
        text.remove_prefix(1);
        ++n;
    }
    if (n == 0 || value > 255) return false;
    out += static_cast<char>(static_cast<unsigned char>(value));
    return true;
}

}  // namespace

bool take_word(std::string_view& text, std::string_view word) noexcept {
    if (text.substr(0, word.size()) != word) return false;
    text.remove_prefix(word.size());
    return true;
}

bool take_number(std::string_view& text, std::uint64_t& value, int base) noexcept {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end == text.data()) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

void skip_spaces(std::string_view& text) noexcept {
    const std::size_t n = text.find_first_not_of(' ');
    text.remove_prefix(n == std::string_view::npos ? text.size() : n);
}

bool take_quoted(std::string_view& text, std::string& out) {
    if (!take_word(text, "\"")) return false;
    while (!text.empty() && text[0] != '"') {
        const std::size_t plain = text.find_first_of("\"\\");
        if (plain == std::string_view::npos) return false;
        out += text.substr(0, plain);
        text.remove_prefix(plain);
        if (text[0] == '"') break;
        text.remove_prefix(1);
        if (text.empty()) return false;
        static constexpr std::string_view k_names = "abfnrtv\\\"'?";
        static constexpr std::string_view k_bytes = "\a\b\f\n\r\t\v\\\"'?";
        if (const std::size_t i = k_names.find(text[0]); i != std::string_view::npos) {
            out += k_bytes[i];
            text.remove_prefix(1);
        } else if (text[0] == 'x') {
            text.remove_prefix(1);
            if (!take_code(text, 16, 2, out)) return false;
        } else if (!take_code(text, 8, 3, out)) {
            return false;
        }
    }
    return take_word(text, "\"");
}

bool skip_quoted(std::string_view& text) noexcept {
    if (!take_word(text, "\"")) return false;
    for (;;) {
        const std::size_t n = text.find_first_of("\"\\");
        if (n == std::string_view::npos) return false;
        const bool done = text[n] == '"';
        if (!done && n + 1 >= text.size()) return false;
        text.remove_prefix(n + (done ? 1 : 2));
        if (done) return true;
    }
}

bool skip_value(std::string_view& text) noexcept {
    if (text.empty()) return false;
    if (text[0] == '"') return skip_quoted(text);
    if (text[0] != '<' && text[0] != '{') {
        const std::size_t n = text.find_first_of(" >}");
        text.remove_prefix(n == std::string_view::npos ? text.size() : n);
        return true;
    }
    std::size_t depth = 0;
    for (;;) {
        const std::size_t n = text.find_first_of("<>{}\"");
        if (n == std::string_view::npos) return false;
        text.remove_prefix(n);
        if (text[0] == '"') {
            if (!skip_quoted(text)) return false;
            continue;
        }
        const bool opens = text[0] == '<' || text[0] == '{';
        text.remove_prefix(1);
        if (opens) {
            ++depth;
        } else if (--depth == 0) {
            return true;
        }
    }
}

}  // namespace kvctl::raftlog
