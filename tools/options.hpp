#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kvctl::cli {

using Args = std::vector<std::string>;

/// One option of a command: a plain value that parsing, --help, completion and the man page test all read.
struct Option {
    enum class Takes { nothing, word, choice, file };

    std::string_view name;  ///< without the dashes
    char letter = 0;        ///< 0: no short form
    Takes takes = Takes::nothing;
    std::string_view value{};     ///< "N", "FILE"; of a choice the words themselves: "text|json|jsonl"
    bool value_optional = false;  ///< the value is only taken with '=': --list or --list=FILE
    std::string_view help{};      ///< a phrase, no full stop
    std::string_view words{};     ///< what a shell offers for a word, separated by '|'; others may be valid
};

struct OptionGroup {
    std::string_view heading;  ///< "Target", "Output"
    std::vector<Option> options;
};

using OptionTable = std::vector<OptionGroup>;

constexpr Option flag(std::string_view name, std::string_view help, char letter = 0) {
    return {.name = name, .letter = letter, .help = help};
}
constexpr Option word(std::string_view name, std::string_view value, std::string_view help, char letter = 0) {
    return {.name = name, .letter = letter, .takes = Option::Takes::word, .value = value, .help = help};
}
/// As a word of which a shell can offer these.
constexpr Option offering(std::string_view words, Option option) {
    option.words = words;
    return option;
}
/// The value is one of `words`, separated by '|'; parsing refuses any other.
constexpr Option choice(std::string_view name, std::string_view words, std::string_view help,
                        char letter = 0) {
    return {.name = name, .letter = letter, .takes = Option::Takes::choice, .value = words, .help = help};
}
constexpr Option file(std::string_view name, std::string_view value, std::string_view help, char letter = 0) {
    return {.name = name, .letter = letter, .takes = Option::Takes::file, .value = value, .help = help};
}
/// --name or --name=FILE, never --name FILE.
constexpr Option optional_file(std::string_view name, std::string_view value, std::string_view help) {
    return {.name = name, .takes = Option::Takes::file, .value = value, .value_optional = true, .help = help};
}

/// Groups one after another.
[[nodiscard]] OptionTable join(std::vector<OptionTable> tables);
/// By long name; null when the table does not have it.
[[nodiscard]] const Option* find_option(const OptionTable& table, std::string_view name) noexcept;
/// "a|b|c" taken apart.
[[nodiscard]] std::vector<std::string_view> words_of(std::string_view choices);

/// What was given. Asking for an option that is not in the table is an `internal` Error.
class Parsed {
  public:
    Parsed(OptionTable table, std::vector<std::pair<std::string, std::optional<std::string>>> given,
           std::vector<std::string> operands);

    [[nodiscard]] bool has(std::string_view name) const;
    /// The value, or nullopt: not given, or given without its optional value.
    [[nodiscard]] std::optional<std::string> value(std::string_view name) const;
    /// The value, or `otherwise` when not given.
    [[nodiscard]] std::string value_or(std::string_view name, std::string_view otherwise) const;
    /// True when the table has the option at all: for code shared by commands with different tables.
    [[nodiscard]] bool offers(std::string_view name) const noexcept;

    [[nodiscard]] const std::vector<std::string>& operands() const noexcept { return operands_; }
    /// Throws a usage Error unless there are `least` to `most` operands; `names` as the synopsis has them
    /// ("KEY [END] STORE").
    void expect_operands(std::size_t least, std::size_t most, std::string_view names) const;
    /// Throws a usage Error when more than one of these options was given.
    void at_most_one_of(const std::vector<std::string_view>& names) const;

  private:
    OptionTable table_;
    std::vector<std::pair<std::string, std::optional<std::string>>> given_;
    std::vector<std::string> operands_;
};

/// Takes `args` apart; opens nothing. Options and operands may be mixed; all behind `--` are operands. Long
/// options are never abbreviated. Throws a usage Error on an unknown option (with the nearest spelling), one
/// given twice, a missing or superfluous value, a choice that is none.
[[nodiscard]] Parsed parse(const OptionTable& table, const Args& args);

/// `text` broken at spaces so that no line passes `width`; lines after the first begin with `indent` spaces.
[[nodiscard]] std::string wrap(std::string_view text, std::size_t width, std::size_t indent);

/// The options as --help shows them, a heading a group, wrapped at 80 columns.
[[nodiscard]] std::string describe(const OptionTable& table);

/// True when `args` ask for option `name` or its `letter` before any `--`, also in a cluster ("-qh"). Does
/// not throw: for what must work before, and in spite of, parsing.
[[nodiscard]] bool asks_for(const OptionTable& table, const Args& args, std::string_view name,
                            char letter) noexcept;

}  // namespace kvctl::cli
