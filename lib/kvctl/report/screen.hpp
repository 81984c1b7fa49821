#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace kvctl::report {

/// How a text is to look: plain for a pipe, as wide and as colourful as a terminal allows.
struct TextStyle {
    enum class Bars { none, ascii, unicode };

    bool raw_bytes = false;
    bool verbose = false;
    std::string (*format_bytes)(std::uint64_t) = nullptr;
    bool color = false;
    std::size_t columns = 0;  ///< of the terminal; 0: none, so nothing is shortened
    std::size_t rows = 0;     ///< of the terminal; 0: none
    Bars bars = Bars::none;

    [[nodiscard]] std::string bytes(std::uint64_t n) const {
        return raw_bytes ? std::to_string(n) : format_bytes(n);
    }
    /// Entries of a list that leave room for `others` lines on the screen; at least three.
    [[nodiscard]] std::size_t fitting(std::size_t most, std::size_t others) const noexcept;
};

/// Two parts of a sentence: the second on a line of its own, indented, where the terminal is too narrow.
[[nodiscard]] std::string in_width(const TextStyle& style, const std::string& first,
                                   const std::string& second);

/// What a colour says. Bold is for what to read first.
enum class Meaning {
    good,     ///< what is, or would be, given back; sound
    caution,  ///< warnings
    bad,      ///< errors and refusals
    live,     ///< data as it is now
    history,  ///< what only the past needs
    aside,    ///< what may be passed over
};

/// The text in the colour of its meaning, where the style has colours.
[[nodiscard]] std::string paint(const TextStyle& style, Meaning meaning, const std::string& text);

/// A bar of `columns` columns for parts of `whole`: live, then history, then nothing. Whatever is there shows
/// as one column at least. Empty where the style draws none.
[[nodiscard]] std::string bar(const TextStyle& style, std::uint64_t live, std::uint64_t history,
                              std::uint64_t whole, std::size_t columns);

/// "96 %", "under 1 %": of a whole; "0 %" only for nothing, "100 %" only for all.
[[nodiscard]] std::string percent(std::uint64_t part, std::uint64_t whole);

/// "36.5 MiB to 1.4 MiB: frees 35.1 MiB (96 %)"; `executed` freed. Empty where nothing is gained.
[[nodiscard]] std::string gain(const TextStyle& style, std::uint64_t before, std::uint64_t after,
                               bool executed);

}  // namespace kvctl::report
