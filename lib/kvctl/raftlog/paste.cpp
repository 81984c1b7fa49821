#include "kvctl/raftlog/paste.hpp"

#include <algorithm>

namespace kvctl::raftlog {
namespace {

constexpr std::string_view k_blanks = " \t";

// "2026-11-20 …", "2026/11/20 …": how Go's loggers begin a line.
bool begins_with_date(std::string_view line) noexcept {
    constexpr std::string_view k_shape = "dddd-dd-dd";
    if (line.size() <= k_shape.size()) return false;
    for (std::size_t i = 0; i < k_shape.size(); ++i) {
        const bool digit = line[i] >= '0' && line[i] <= '9';
        if (k_shape[i] == 'd' ? !digit : line[i] != '-' && line[i] != '/') return false;
    }
    return true;
}

// "$ …", "root@host:~# …", "[root@host ~]# …", "host% …".
bool begins_with_prompt(std::string_view line) noexcept {
    const std::size_t end = line.find_first_of("$#%>");
    if (end == std::string_view::npos || (end + 1 < line.size() && line[end + 1] != ' ')) return false;
    // Not a damaged line of the log: those begin with a number, or hold quoted keys.
    const std::string_view before = line.substr(0, end);
    if (before.empty()) return true;
    if ((before.front() >= '0' && before.front() <= '9') ||
        before.find_first_of("\"<{=") != std::string_view::npos)
        return false;
    return before.find_first_of(k_blanks) == std::string_view::npos || before.front() == '[' ||
           before.substr(0, before.find_first_of(k_blanks)).find('@') != std::string_view::npos;
}

}  // namespace

std::string_view trimmed(std::string_view line) noexcept {
    const std::size_t begin = line.find_first_not_of(k_blanks);
    if (begin == std::string_view::npos) return {};
    return line.substr(begin, line.find_last_not_of(k_blanks) - begin + 1);
}

std::string_view take_token(std::string_view& line) noexcept {
    const std::size_t begin = std::min(line.find_first_not_of(k_blanks), line.size());
    line.remove_prefix(begin);
    const std::string_view token = line.substr(0, line.find_first_of(k_blanks));
    line.remove_prefix(token.size());
    line.remove_prefix(std::min(line.find_first_not_of(k_blanks), line.size()));
    return token;
}

bool is_logged_json(std::string_view line) noexcept {
    line = trimmed(line);
    return line.starts_with('{') && line.find("\"level\":") != std::string_view::npos &&
           line.find("\"msg\":") != std::string_view::npos;
}

bool is_foreign_line(std::string_view line) noexcept {
    line = trimmed(line);
    return line.starts_with("```") || line.starts_with("~~~") || begins_with_date(line) ||
           is_logged_json(line) || begins_with_prompt(line);
}

}  // namespace kvctl::raftlog
