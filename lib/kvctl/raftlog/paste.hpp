#pragma once
#include <string_view>

namespace kvctl::raftlog {

/// Whether a line of a pasted text belongs to what stood around it on the screen, and not to the log: a shell
/// prompt, a code fence, a line that a program logged on stderr.
[[nodiscard]] bool is_foreign_line(std::string_view line) noexcept;

/// The same for a line of JSON: what etcd's programs log has a level and a message.
[[nodiscard]] bool is_logged_json(std::string_view line) noexcept;

/// Without blanks and tabs at either end.
[[nodiscard]] std::string_view trimmed(std::string_view line) noexcept;

/// The word in front, up to a blank or tab, and the rest behind all of those.
[[nodiscard]] std::string_view take_token(std::string_view& line) noexcept;

}  // namespace kvctl::raftlog
