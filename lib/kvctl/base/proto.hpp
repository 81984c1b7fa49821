#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kvctl::proto {

/// Walks the fields of one protobuf message without a schema; views into the message, no copies.
///
///     for (Reader r(message); r.next();) switch (r.field()) { case 1: id = r.number(); break; … }
///     if (r.bad()) …
class Reader {
  public:
    explicit Reader(std::string_view message) noexcept : rest_(message) {}

    /// Moves to the next field; false at the end and at the first malformed byte (then bad() is true).
    bool next() noexcept {
        // A tag of one byte with a length or a number of one byte: nearly all are such.
        if (bad_ || rest_.size() < 2) return next_of_any();
        const auto tag = static_cast<unsigned char>(rest_[0]);
        const auto small = static_cast<unsigned char>(rest_[1]);
        const bool is_bytes = (tag & 7) == 2;
        if (tag < 8 || tag >= 0x80 || small >= 0x80 || (!is_bytes && (tag & 7) != 0) ||
            (is_bytes && rest_.size() - 2 < small))
            return next_of_any();
        field_ = tag >> 3;
        wire_type_ = tag & 7;
        number_ = is_bytes ? 0 : small;
        bytes_ = is_bytes ? std::string_view(rest_.data() + 2, small) : std::string_view();
        rest_.remove_prefix(is_bytes ? 2U + small : 2U);
        return true;
    }
    [[nodiscard]] bool bad() const noexcept { return bad_; }
    [[nodiscard]] std::uint32_t field() const noexcept { return field_; }
    /// 0 varint, 1 fixed64, 2 bytes, 5 fixed32. Groups are malformed.
    [[nodiscard]] int wire_type() const noexcept { return wire_type_; }
    /// The field's value when its wire type is 0, 1 or 5; else 0.
    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    [[nodiscard]] std::int64_t signed_number() const noexcept { return static_cast<std::int64_t>(number_); }
    /// The field's value when its wire type is 2; else empty.
    [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
    /// How many bytes of the message lie behind the field.
    [[nodiscard]] std::size_t left() const noexcept { return rest_.size(); }

  private:
    bool next_of_any() noexcept;
    std::string_view rest_;
    std::uint32_t field_ = 0;
    int wire_type_ = 0;
    std::uint64_t number_ = 0;
    std::string_view bytes_;
    bool bad_ = false;
};

bool take_long_varint(std::string_view& rest, std::uint64_t& value) noexcept;

/// Takes one varint off the front of `rest`; false when it is cut short or longer than ten bytes.
inline bool take_varint(std::string_view& rest, std::uint64_t& value) noexcept {
    if (rest.empty() || static_cast<unsigned char>(rest[0]) >= 0x80) return take_long_varint(rest, value);
    value = static_cast<unsigned char>(rest[0]);
    rest.remove_prefix(1);
    return true;
}

/// Seven bits a byte.
[[nodiscard]] inline std::size_t varint_size(std::uint64_t value) noexcept {
    return (static_cast<unsigned>(std::bit_width(value | 1)) + 6U) / 7U;
}
void append_varint(std::string& out, std::uint64_t value);
void append_number(std::string& out, std::uint32_t field, std::uint64_t value);
void append_bytes(std::string& out, std::uint32_t field, std::string_view value);

}  // namespace kvctl::proto
