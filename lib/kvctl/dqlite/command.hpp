#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

namespace kvctl::dqlite {

/// What an entry of type command asks for. Views point into the entry's data.
struct Open {
    std::string_view database;
};
/// Whole pages of one transaction, or of a part of one.
struct Frames {
    std::string_view database;
    bool commit = false;  ///< false: the pages wait for the commit of a later command
    std::uint32_t pages = 0;
    std::uint32_t page_size = 0;
    std::string_view numbers;   ///< `pages` little-endian words of eight bytes
    std::string_view contents;  ///< the pages in the same order

    [[nodiscard]] std::uint64_t number(std::uint32_t i) const noexcept;
    [[nodiscard]] std::string_view content(std::uint32_t i) const noexcept {
        return contents.substr(std::size_t{i} * page_size, page_size);
    }
};
/// Pages that wait for a commit are forgotten.
struct Undo {};
/// Nothing to do for a reader: the pages are where they are.
struct Checkpoint {
    std::string_view database;
};
using Command = std::variant<Open, Frames, Undo, Checkpoint>;

/// nullopt when it is none of the four, or cut short.
[[nodiscard]] std::optional<Command> decode_command(std::string_view data);
/// "open", "frames", "undo", "checkpoint".
[[nodiscard]] std::string_view name_of(const Command& command) noexcept;

}  // namespace kvctl::dqlite
