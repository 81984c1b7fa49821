#include "tools/bold.hpp"

#include <string_view>

namespace kvctl::cli {

BoldFirstLine::Buffer::Buffer(std::ostream& out, bool on) : out_(out), bold_(on) {
    if (on) out_ << "\x1b[1m";
}

BoldFirstLine::Buffer::int_type BoldFirstLine::Buffer::overflow(int_type c) {
    if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
    const char one = traits_type::to_char_type(c);
    return xsputn(&one, 1) == 1 ? c : traits_type::eof();
}

std::streamsize BoldFirstLine::Buffer::xsputn(const char* text, std::streamsize size) {
    std::string_view rest(text, static_cast<std::size_t>(size));
    if (bold_) {
        const std::size_t end = rest.find('\n');
        if (end != std::string_view::npos) {
            out_ << rest.substr(0, end) << "\x1b[0m";
            rest.remove_prefix(end);
            bold_ = false;
        }
    }
    out_ << rest;
    return out_ ? size : 0;
}

int BoldFirstLine::Buffer::sync() {
    out_.flush();
    return out_ ? 0 : -1;
}

}  // namespace kvctl::cli
