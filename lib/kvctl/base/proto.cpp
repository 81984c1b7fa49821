#include "kvctl/base/proto.hpp"

namespace kvctl::proto {

bool take_long_varint(std::string_view& rest, std::uint64_t& value) noexcept {
    value = 0;
    for (std::size_t i = 0; i < rest.size() && i < 10; ++i) {
        const auto b = static_cast<unsigned char>(rest[i]);
        if (i == 9 && b > 1) return false;
        value |= static_cast<std::uint64_t>(b & 0x7F) << (7 * i);
        if ((b & 0x80) == 0) {
            rest.remove_prefix(i + 1);
            return true;
        }
    }
    return false;
}

bool Reader::next_of_any() noexcept {
    if (bad_ || rest_.empty()) return false;
    number_ = 0;
    bytes_ = {};
    std::uint64_t tag = 0;
    bad_ = true;
    if (!take_varint(rest_, tag) || (tag >> 3) == 0 || (tag >> 3) > 0x1FFFFFFF) return false;
    field_ = static_cast<std::uint32_t>(tag >> 3);
    wire_type_ = static_cast<int>(tag & 7);
    std::size_t width = 0;
    switch (wire_type_) {
        case 0:
            if (!take_varint(rest_, number_)) return false;
            break;
        case 1:
            width = 8;
            break;
        case 5:
            width = 4;
            break;
        case 2: {
            std::uint64_t length = 0;
            if (!take_varint(rest_, length) || length > rest_.size()) return false;
            bytes_ = rest_.substr(0, static_cast<std::size_t>(length));
            rest_.remove_prefix(static_cast<std::size_t>(length));
            break;
        }
        default:
            return false;
    }
    if (width > rest_.size()) return false;
    for (std::size_t i = width; i-- > 0;) number_ = (number_ << 8) | static_cast<unsigned char>(rest_[i]);
    rest_.remove_prefix(width);
    bad_ = false;
    return true;
}

void append_varint(std::string& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7F) | 0x80);
    out += static_cast<char>(value);
}

void append_number(std::string& out, std::uint32_t field, std::uint64_t value) {
    append_varint(out, static_cast<std::uint64_t>(field) << 3);
    append_varint(out, value);
}

void append_bytes(std::string& out, std::uint32_t field, std::string_view value) {
    append_varint(out, static_cast<std::uint64_t>(field) << 3 | 2);
    append_varint(out, value.size());
    out += value;
}

}  // namespace kvctl::proto
