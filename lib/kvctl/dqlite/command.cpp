#include "kvctl/dqlite/command.hpp"

#include <array>

#include "kvctl/dqlite/words.hpp"

namespace kvctl::dqlite {
namespace {

enum class Kind : std::uint8_t { open = 1, frames = 2, undo = 3, checkpoint = 4 };  // on disk: never change

bool is_page_size(std::uint32_t n) {
    return n >= 512 && n <= 65536 && (n & (n - 1)) == 0;
}

std::optional<Command> decode_frames(Words words) {
    Frames f;
    f.database = words.text(true);
    (void)words.take<std::uint64_t>();  // the transaction's number, 0 today
    (void)words.take<std::uint32_t>();  // truncation, 0 today: page 1 tells the size
    f.commit = words.take<std::uint8_t>() != 0;
    (void)words.bytes(3);
    f.pages = words.take<std::uint32_t>();
    const auto page_size = words.take<std::uint16_t>();
    (void)words.bytes(2);
    f.page_size = page_size == 0 || page_size == 1 ? 65536 : page_size;
    f.numbers = words.bytes(std::size_t{f.pages} * 8);
    f.contents = words.bytes(std::size_t{f.pages} * f.page_size);
    if (words.failed() || words.left() != 0 || !is_page_size(f.page_size)) return std::nullopt;
    return f;
}

}  // namespace

std::uint64_t Frames::number(std::uint32_t i) const noexcept {
    return little<std::uint64_t>(numbers, std::size_t{i} * 8);
}

std::optional<Command> decode_command(std::string_view data) {
    Words words(data);
    const auto format = words.take<std::uint8_t>();
    const auto kind = words.take<std::uint8_t>();
    (void)words.bytes(6);
    if (words.failed() || format != 1) return std::nullopt;
    switch (static_cast<Kind>(kind)) {
        case Kind::open: {
            const Open open{words.text(true)};
            return words.failed() ? std::nullopt : std::optional<Command>(open);
        }
        case Kind::frames:
            return decode_frames(words);
        case Kind::undo:
            return Undo{};
        case Kind::checkpoint: {
            const Checkpoint checkpoint{words.text(true)};
            return words.failed() ? std::nullopt : std::optional<Command>(checkpoint);
        }
    }
    return std::nullopt;
}

std::string_view name_of(const Command& command) noexcept {
    constexpr std::array<std::string_view, 4> names{"open", "frames", "undo", "checkpoint"};
    return names[command.index()];
}

}  // namespace kvctl::dqlite
