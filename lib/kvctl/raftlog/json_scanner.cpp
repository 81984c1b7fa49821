#include "kvctl/raftlog/json_scanner.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "kvctl/base/base64.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"

namespace kvctl::raftlog {
namespace {

constexpr int k_max_depth = 100;
char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

void append_utf8(std::string& out, char32_t c) {
    const auto byte = [&](char32_t v) { out += static_cast<char>(static_cast<unsigned char>(v)); };
    if (c < 0x80) {
        byte(c);
    } else if (c < 0x800) {
        byte(0xC0 | (c >> 6));
        byte(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        byte(0xE0 | (c >> 12));
        byte(0x80 | ((c >> 6) & 0x3F));
        byte(0x80 | (c & 0x3F));
    } else {
        byte(0xF0 | (c >> 18));
        byte(0x80 | ((c >> 12) & 0x3F));
        byte(0x80 | ((c >> 6) & 0x3F));
        byte(0x80 | (c & 0x3F));
    }
}

}  // namespace

void JsonScanner::fail_at(const char* where, const std::string& what) const {
    throw Error(ErrorKind::damaged,
                fmt::format("{}: line {}, column {}: {}", path_, line_number_, where - begin_ + 1, what));
}

void JsonScanner::skip_space() noexcept {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\r')) ++at_;
}

char JsonScanner::peek() noexcept {
    skip_space();
    return at_ == end_ ? '\0' : *at_;
}

bool JsonScanner::accept(char c) noexcept {
    skip_space();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
}

void JsonScanner::expect(char c) {
    if (accept(c)) return;
    fail(at_ == end_ ? fmt::format("the line ends where '{}' was expected", c)
                     : fmt::format("expected '{}'", c));
}

void JsonScanner::expect_end() {
    skip_space();
    if (at_ != end_) fail("something follows the object");
}

std::string_view JsonScanner::string(std::string& scratch) {
    expect('"');
    const char* const first = at_;
    while (at_ != end_ && *at_ != '"' && *at_ != '\\' && static_cast<unsigned char>(*at_) >= 0x20) ++at_;
    if (at_ != end_ && *at_ == '"') return {first, static_cast<std::size_t>(at_++ - first)};
    scratch.assign(first, at_);
    while (at_ != end_ && *at_ != '"') {
        if (static_cast<unsigned char>(*at_) < 0x20) fail("a control character in a string");
        if (*at_ == '\\') {
            append_escape(scratch);
        } else {
            scratch += *at_++;
        }
    }
    if (at_ == end_) fail("the line ends inside a string");
    ++at_;
    return scratch;
}

char32_t JsonScanner::hex4() {
    char32_t value = 0;
    for (int i = 0; i < 4; ++i) {
        const char c = at_ == end_ ? '\0' : lower(*at_);
        if (c >= '0' && c <= '9') {
            value = value * 16 + static_cast<char32_t>(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            value = value * 16 + static_cast<char32_t>(c - 'a' + 10);
        } else {
            fail("expected four hexadecimal digits");
        }
        ++at_;
    }
    return value;
}

void JsonScanner::append_escape(std::string& out) {
    const char* const start = at_++;
    static constexpr std::string_view k_names = "\"\\/bfnrt";
    static constexpr std::string_view k_bytes = "\"\\/\b\f\n\r\t";
    const char c = at_ == end_ ? '\0' : *at_;
    if (const std::size_t i = k_names.find(c); i != std::string_view::npos && c != '\0') {
        out += k_bytes[i];
        ++at_;
        return;
    }
    if (c != 'u') fail_at(start, "an unknown escape in a string");
    ++at_;
    char32_t code = hex4();
    if (code >= 0xDC00 && code <= 0xDFFF) fail_at(start, "half a surrogate pair");
    if (code >= 0xD800 && code <= 0xDBFF) {
        if (end_ - at_ < 2 || at_[0] != '\\' || at_[1] != 'u') fail_at(start, "half a surrogate pair");
        at_ += 2;
        const char32_t second = hex4();
        if (second < 0xDC00 || second > 0xDFFF) fail_at(start, "half a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00);
    }
    append_utf8(out, code);
}

std::uint64_t JsonScanner::unsigned_integer() {
    const bool quoted = peek() == '"';
    const char* const start = at_;
    std::string_view digits;
    if (quoted) {
        digits = string(scratch_);
    } else {
        while (at_ != end_ && *at_ != ',' && *at_ != '}' && *at_ != ']' && *at_ != ' ' && *at_ != '\t' &&
               *at_ != '\r') {
            ++at_;
        }
        digits = {start, static_cast<std::size_t>(at_ - start)};
    }
    if (digits.empty() ||
        !std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; }) ||
        (digits.size() > 1 && digits[0] == '0')) {
        fail_at(start, "expected an integer from 0 to 18446744073709551615");
    }
    std::uint64_t value = 0;
    for (const char c : digits) {
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (value > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) {
            fail_at(start, "the number does not fit into 64 bits");
        }
        value = value * 10 + digit;
    }
    return value;
}

void JsonScanner::base64(std::vector<char>& out) {
    if (peek() != '"') fail("expected a base64 string");
    const char* const first = at_ + 1;
    const auto* const quote = static_cast<const char*>(
        first == end_ ? nullptr : std::memchr(first, '"', static_cast<std::size_t>(end_ - first)));
    const auto n = static_cast<std::size_t>((quote == nullptr ? end_ : quote) - first);
    if (quote == nullptr || (n != 0 && std::memchr(first, '\\', n) != nullptr)) {
        const std::size_t position = this->position() + 1;
        decode_base64(string(scratch_), position, out);
        return;
    }
    at_ = quote + 1;
    decode_base64({first, n}, static_cast<std::size_t>(first - begin_), out);
}

void JsonScanner::decode_base64(std::string_view text, std::size_t position, std::vector<char>& out) const {
    if (base64_decode_into(out, text)) return;
    std::size_t i = 0;
    while (i < text.size() && k_base64_alphabet.find(text[i]) != std::string_view::npos) ++i;
    // What is wrong with a text of good characters only is its length; with good padding, the bits before it.
    fail(position + i, "invalid base64");
}

bool JsonScanner::accept_null() {
    if (peek() != 'n') return false;
    literal("null");
    return true;
}

void JsonScanner::literal(std::string_view word) {
    if (static_cast<std::size_t>(end_ - at_) < word.size() || std::string_view(at_, word.size()) != word) {
        fail("expected a JSON value");
    }
    at_ += word.size();
}

void JsonScanner::skip_number() {
    const char* const start = at_;
    const auto digits = [&] {
        const char* const from = at_;
        while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
        if (at_ == from) fail_at(start, "expected a JSON value");
    };
    if (*at_ == '-') ++at_;
    if (at_ != end_ && *at_ == '0') {
        ++at_;
    } else {
        digits();
    }
    if (at_ != end_ && *at_ == '.') {
        ++at_;
        digits();
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
        ++at_;
        if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
        digits();
    }
}

void JsonScanner::skip_value() {
    skip_value(0);
}

void JsonScanner::skip_value(int depth) {
    if (depth > k_max_depth) fail("nested too deeply");
    switch (peek()) {
        case '"':
            (void)string(scratch_);
            return;
        case 't':
            return literal("true");
        case 'f':
            return literal("false");
        case 'n':
            return literal("null");
        case '[':
            ++at_;
            if (accept(']')) return;
            do {
                skip_value(depth + 1);
            } while (accept(','));
            return expect(']');
        case '{': {
            ++at_;
            if (accept('}')) return;
            NameSet names;
            do {
                (void)peek();
                const std::size_t where = position();
                std::string name_scratch;
                if (!names.insert(string(name_scratch))) fail(where, "a name stands twice in one object");
                expect(':');
                skip_value(depth + 1);
            } while (accept(','));
            return expect('}');
        }
        case '\0':
            fail("the line ends where a value was expected");
        default:
            return skip_number();
    }
}

bool same_name(std::string_view name, std::string_view lower_name) noexcept {
    return name.size() == lower_name.size() && std::equal(name.begin(), name.end(), lower_name.begin(),
                                                          [](char a, char b) { return lower(a) == b; });
}

}  // namespace kvctl::raftlog
