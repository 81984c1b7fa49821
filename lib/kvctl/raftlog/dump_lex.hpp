#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace kvctl::raftlog {

/// Takes `word` off the front of `text` if it stands there.
bool take_word(std::string_view& text, std::string_view word) noexcept;
/// Takes an unsigned number of the given base; false, and nothing taken, when there is none or it does not
/// fit.
bool take_number(std::string_view& text, std::uint64_t& value, int base = 10) noexcept;
void skip_spaces(std::string_view& text) noexcept;

/// Takes a double-quoted string with C escapes (`\n`, `\"`, three octal digits, `\xHH`) off the front and
/// appends its bytes to `out`; false when it is malformed.
bool take_quoted(std::string_view& text, std::string& out);
/// The same without the bytes.
bool skip_quoted(std::string_view& text) noexcept;
/// Takes one protobuf-text value: quoted, `<…>` or `{…}` with everything inside, or a bare word.
bool skip_value(std::string_view& text) noexcept;

}  // namespace kvctl::raftlog
