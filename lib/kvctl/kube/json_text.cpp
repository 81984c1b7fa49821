#include "kvctl/kube/json_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "kvctl/base/bytes.hpp"

namespace kvctl::kube {
namespace {

constexpr std::size_t k_bad = std::string_view::npos;
constexpr std::string_view k_replacement = "\xEF\xBF\xBD";  // U+FFFD

std::size_t skip_blanks(std::string_view t, std::size_t at) noexcept {
    while (at < t.size() && (t[at] == ' ' || t[at] == '\n' || t[at] == '\t' || t[at] == '\r')) ++at;
    return at;
}

// All of these take the place where a thing begins and yield the one behind it, or k_bad.

// Steps over eight bytes at a time that are neither quote, backslash nor control character.
std::size_t skip_plain(std::string_view t, std::size_t at) noexcept {
    constexpr std::uint64_t k_ones = 0x0101010101010101;
    constexpr std::uint64_t k_tops = 0x8080808080808080;
    // The top bit of each byte that is 0, and perhaps of one above such a byte.
    const auto zeros = [](std::uint64_t word) { return (word - k_ones) & ~word & k_tops; };
    for (; at + 8 <= t.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, t.data() + at, 8);
        const std::uint64_t below_space = (word - k_ones * 0x20) & ~word & k_tops;
        if ((zeros(word ^ (k_ones * '"')) | zeros(word ^ (k_ones * '\\')) | below_space) != 0) break;
    }
    return at;
}

std::size_t skip_string(std::string_view t, std::size_t at) noexcept {
    for (at = skip_plain(t, at + 1); at < t.size(); ++at) {
        const auto c = static_cast<unsigned char>(t[at]);
        if (c == '"') return at + 1;
        if (c < 0x20) return k_bad;
        if (c == '\\') {
            ++at;
            if (at >= t.size() || std::strchr("\"\\/bfnrtu", t[at]) == nullptr || t[at] == '\0') return k_bad;
            if (t[at] != 'u') continue;
            for (int i = 0; i < 4; ++i) {
                ++at;
                if (at >= t.size() || std::strchr("0123456789abcdefABCDEF", t[at]) == nullptr ||
                    t[at] == '\0')
                    return k_bad;
            }
        }
    }
    return k_bad;
}

std::size_t skip_digits(std::string_view t, std::size_t at) noexcept {
    const std::size_t begin = at;
    while (at < t.size() && t[at] >= '0' && t[at] <= '9') ++at;
    return at == begin ? k_bad : at;
}

std::size_t skip_number(std::string_view t, std::size_t at) noexcept {
    if (t[at] == '-') ++at;
    if (at < t.size() && t[at] == '0') {
        ++at;
    } else {
        at = skip_digits(t, at);
        if (at == k_bad) return k_bad;
    }
    if (at < t.size() && t[at] == '.') {
        at = skip_digits(t, at + 1);
        if (at == k_bad) return k_bad;
    }
    if (at < t.size() && (t[at] == 'e' || t[at] == 'E')) {
        ++at;
        if (at < t.size() && (t[at] == '+' || t[at] == '-')) ++at;
        at = skip_digits(t, at);
    }
    return at;
}

std::size_t skip_word(std::string_view t, std::size_t at) noexcept {
    for (const std::string_view word : {"true", "false", "null"}) {
        if (t.substr(at, word.size()) == word) return at + word.size();
    }
    return k_bad;
}

// A whole value. No recursion: which bracket each level waits for stands in bits.
class Skipper {
  public:
    explicit Skipper(std::string_view text) noexcept : t_(text) {}

    std::size_t value(std::size_t at) noexcept {
        for (;;) {
            at = skip_blanks(t_, at);
            if (at >= t_.size()) return k_bad;
            const char c = t_[at];
            if (c == '{' || c == '[') {
                if (depth_ == JsonReader::k_deepest) return k_bad;
                object_[static_cast<std::size_t>(depth_++)] = c == '{';
                const std::size_t inside = skip_blanks(t_, at + 1);
                if (inside < t_.size() && t_[inside] == (c == '{' ? '}' : ']')) {
                    --depth_;
                    at = inside + 1;
                } else {
                    at = c == '{' ? key(inside) : inside;
                    if (at == k_bad) return k_bad;
                    continue;
                }
            } else {
                at = scalar(at);
                if (at == k_bad) return k_bad;
            }
            at = behind(at);
            if (at == k_bad || depth_ == 0) return at;
        }
    }

  private:
    std::size_t scalar(std::size_t at) noexcept {
        const char c = t_[at];
        if (c == '"') return skip_string(t_, at);
        if (c == '-' || (c >= '0' && c <= '9')) return skip_number(t_, at);
        return skip_word(t_, at);
    }

    std::size_t key(std::size_t at) noexcept {
        at = skip_blanks(t_, at);
        if (at >= t_.size() || t_[at] != '"') return k_bad;
        at = skip_string(t_, at);
        if (at == k_bad) return k_bad;
        at = skip_blanks(t_, at);
        return at < t_.size() && t_[at] == ':' ? at + 1 : k_bad;
    }

    // Behind a value: the comma and the key of the next one, or closing brackets.
    std::size_t behind(std::size_t at) noexcept {
        while (depth_ > 0) {
            at = skip_blanks(t_, at);
            if (at >= t_.size()) return k_bad;
            const bool object = object_[static_cast<std::size_t>(depth_ - 1)];
            if (t_[at] == ',') return object ? key(at + 1) : at + 1;
            if (t_[at] != (object ? '}' : ']')) return k_bad;
            --depth_;
            ++at;
        }
        return at;
    }

    std::string_view t_;
    int depth_ = 0;
    std::array<bool, JsonReader::k_deepest> object_{};
};

std::size_t skip_value(std::string_view t, std::size_t at) noexcept {
    at = skip_blanks(t, at);
    if (at < t.size() && t[at] == '"') return skip_string(t, at);
    return Skipper(t).value(at);
}

void append_utf8(std::string& out, std::uint32_t c) {
    const auto byte = [&](std::uint32_t b) { out += static_cast<char>(b); };
    if (c < 0x80) {
        byte(c);
    } else if (c < 0x800) {
        byte(0xC0 | c >> 6);
        byte(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        byte(0xE0 | c >> 12);
        byte(0x80 | (c >> 6 & 0x3F));
        byte(0x80 | (c & 0x3F));
    } else {
        byte(0xF0 | c >> 18);
        byte(0x80 | (c >> 12 & 0x3F));
        byte(0x80 | (c >> 6 & 0x3F));
        byte(0x80 | (c & 0x3F));
    }
}

std::uint32_t hex4(std::string_view t, std::size_t at) noexcept {
    std::uint32_t value = 0;
    for (const char c : t.substr(std::min(at, t.size()), 4)) {
        const auto digit = static_cast<std::uint32_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        value = value << 4 | (digit & 15);
    }
    return value;
}

// The length of the well-formed UTF-8 sequence at the front, or 0.
std::size_t sequence_length(std::string_view t) noexcept {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(t[i]); };
    const unsigned char lead = at(0);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xC2 ? 0
                               : lead < 0xE0 ? 2
                               : lead < 0xF0 ? 3
                               : lead < 0xF5 ? 4
                                             : 0;
    if (length == 0 || t.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((at(i) & 0xC0) != 0x80) return 0;
    }
    if ((lead == 0xE0 && at(1) < 0xA0) || (lead == 0xED && at(1) > 0x9F) || (lead == 0xF0 && at(1) < 0x90) ||
        (lead == 0xF4 && at(1) > 0x8F))
        return 0;
    return length;
}

}  // namespace

JsonReader::JsonReader(std::string_view text) noexcept : text_(text) {
    at_ = skip_blanks(text_, 0);
}

JsonReader::Kind JsonReader::kind() const noexcept {
    return json_kind(text_.substr(started_ ? 0 : at_));
}

JsonReader::Kind json_kind(std::string_view value) noexcept {
    if (value.empty()) return JsonReader::Kind::none;
    switch (value.front()) {
        case '{':
            return JsonReader::Kind::object;
        case '[':
            return JsonReader::Kind::array;
        case '"':
            return JsonReader::Kind::string;
        case 't':
        case 'f':
        case 'n':
            return JsonReader::Kind::word;
        default:
            return JsonReader::Kind::number;
    }
}

bool JsonReader::next_member(Member& member, std::string_view like) noexcept {
    if (bad_ || ended_) return false;
    const std::size_t begin = started_ ? 0 : at_;
    bad_ = true;
    if (text_.size() <= begin) return false;
    if (!started_) {
        if (text_[at_] != '{' && text_[at_] != '[') return false;
        text_.remove_prefix(at_);
        at_ = 1;
    }
    const bool object = text_[0] == '{';
    at_ = skip_blanks(text_, at_);
    if (at_ >= text_.size()) return false;
    if (text_[at_] == (object ? '}' : ']')) {
        ended_ = true;
        bad_ = skip_blanks(text_, at_ + 1) != text_.size();
        return false;
    }
    if (started_) {
        if (text_[at_] != ',') return false;
        at_ = skip_blanks(text_, at_ + 1);
    }
    started_ = true;
    member.key = {};
    if (object) {
        if (at_ >= text_.size() || text_[at_] != '"') return false;
        const std::size_t end = skip_string(text_, at_);
        if (end == k_bad) return false;
        member.key = text_.substr(at_ + 1, end - at_ - 2);
        at_ = skip_blanks(text_, end);
        if (at_ >= text_.size() || text_[at_] != ':') return false;
        at_ = skip_blanks(text_, at_ + 1);
    }
    // The end of a text, an object or an array is told by itself.
    const bool known = !like.empty() && (like[0] == '"' || like[0] == '{' || like[0] == '[') &&
                       text_.substr(std::min(at_, text_.size())).starts_with(like);
    const std::size_t end = known ? at_ + like.size() : skip_value(text_, at_);
    if (end == k_bad) return false;
    member.value = text_.substr(at_, end - at_);
    at_ = end;
    bad_ = false;
    return true;
}

bool is_json(std::string_view text) noexcept {
    const std::size_t end = skip_value(text, 0);
    return end != k_bad && skip_blanks(text, end) == text.size();
}

std::string_view json_string(std::string_view written, std::string& storage) {
    if (written.size() >= 2 && written.front() == '"') written = written.substr(1, written.size() - 2);
    if (written.find('\\') == std::string_view::npos) return written;
    storage.clear();
    for (std::size_t i = 0; i < written.size(); ++i) {
        if (written[i] != '\\' || i + 1 == written.size()) {
            storage += written[i];
            continue;
        }
        switch (written[++i]) {
            case 'b':
                storage += '\b';
                break;
            case 'f':
                storage += '\f';
                break;
            case 'n':
                storage += '\n';
                break;
            case 'r':
                storage += '\r';
                break;
            case 't':
                storage += '\t';
                break;
            case 'u': {
                std::uint32_t c = hex4(written, i + 1);
                i += 4;
                const bool high = c >= 0xD800 && c < 0xDC00;
                if (high && written.substr(std::min(i + 1, written.size()), 2) == "\\u") {
                    const std::uint32_t low = hex4(written, i + 3);
                    if (low >= 0xDC00 && low < 0xE000) {
                        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
                        i += 6;
                    }
                }
                append_utf8(storage, c >= 0xD800 && c < 0xE000 ? 0xFFFD : c);
                break;
            }
            default:
                storage += written[i];
        }
    }
    return storage;
}

bool append_json(std::string& out, std::string_view text) {
    if (!is_json(text)) return false;
    if (is_utf8(text)) {
        out += text;
        return true;
    }
    while (!text.empty()) {
        const std::size_t length = sequence_length(text);
        if (length == 0) {
            out += k_replacement;
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return true;
}

void append_json_string(std::string& out, std::string_view bytes) {
    constexpr std::string_view k_digits = "0123456789abcdef";
    out += '"';
    while (!bytes.empty()) {
        const auto c = static_cast<unsigned char>(bytes.front());
        std::size_t length = 1;
        if (c == '"' || c == '\\') {
            out += '\\';
            out += static_cast<char>(c);
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '\t') {
            out += "\\t";
        } else if (c < 0x20) {
            out += "\\u00";
            out += k_digits[c >> 4];
            out += k_digits[c & 15];
        } else if (c < 0x80) {
            out += static_cast<char>(c);
        } else {
            length = sequence_length(bytes);
            if (length == 0) {
                out += k_replacement;
                length = 1;
            } else {
                out += bytes.substr(0, length);
            }
        }
        bytes.remove_prefix(length);
    }
    out += '"';
}

}  // namespace kvctl::kube
