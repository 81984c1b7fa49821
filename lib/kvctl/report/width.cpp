#include "kvctl/report/width.hpp"

#include <locale.h>  // NOLINT: newlocale
#include <algorithm>
#include <clocale>
#include <cstdint>
#include <cwchar>
#include <vector>

namespace kvctl::report {
namespace {

// What counts is what a terminal does, not the locale that a cron job happens to run in.
class Utf8Locale {
  public:
    Utf8Locale() noexcept : before_(::uselocale(static_cast<locale_t>(nullptr))) {
        static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
        if (utf8 != nullptr) ::uselocale(utf8);
    }
    Utf8Locale(const Utf8Locale&) = delete;
    Utf8Locale& operator=(const Utf8Locale&) = delete;
    ~Utf8Locale() { ::uselocale(before_); }

  private:
    locale_t before_;
};

struct Piece {
    std::string_view bytes;  // a character, or an escape sequence
    std::size_t columns = 0;
};

// Of text that is UTF-8; a byte that is none counts as a character.
Piece next_piece(std::string_view text) noexcept {
    const auto lead = static_cast<unsigned char>(text.front());
    if (lead == 0x1B) {
        const std::size_t end = text.find('m');
        return {text.substr(0, end == std::string_view::npos ? end : end + 1), 0};
    }
    if (lead < 0x80) return {text.substr(0, 1), 1};
    const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (size == 1 || size > text.size()) return {text.substr(0, 1), 1};
    std::uint32_t c = lead & (0xFFU >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) c = c << 6 | (static_cast<unsigned char>(text[i]) & 0x3FU);
    const int columns = ::wcwidth(static_cast<wchar_t>(c));
    return {text.substr(0, size), columns < 0 ? 1U : static_cast<std::size_t>(columns)};
}

}  // namespace

std::size_t display_width(std::string_view text) noexcept {
    const Utf8Locale locale;
    std::size_t columns = 0;
    while (!text.empty()) {
        const Piece p = next_piece(text);
        columns += p.columns;
        text.remove_prefix(p.bytes.size());
    }
    return columns;
}

std::string shorten_middle(const std::string& text, std::size_t columns, bool ascii) {
    if (columns == 0 || display_width(text) <= columns) return text;
    const Utf8Locale locale;
    std::vector<Piece> pieces;
    for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(pieces.back().bytes.size()))
        pieces.push_back(next_piece(rest));
    // The end tells keys of one prefix apart, so it gets the odd column.
    const std::string mark = ascii ? std::string(std::min<std::size_t>(columns, 2), '.') : "\u2026";
    const std::size_t room = columns - (ascii ? mark.size() : 1);
    const std::size_t tail = std::min(room, columns / 2);
    const std::size_t head = room - tail;
    std::string front;
    std::size_t used = 0;
    for (const Piece& p : pieces) {
        if (used + p.columns > head) break;
        used += p.columns;
        front += p.bytes;
    }
    std::size_t from = pieces.size();
    used = 0;
    while (from > 0 && used + pieces[from - 1].columns <= tail) used += pieces[--from].columns;
    std::string back;
    for (; from < pieces.size(); ++from) back += pieces[from].bytes;
    return front + mark + back;
}

}  // namespace kvctl::report
