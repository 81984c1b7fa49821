#include "tools/options.hpp"

#include <algorithm>
#include <boost/make_shared.hpp>
#include <boost/program_options.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "tools/habits.hpp"
#include "tools/suggest.hpp"

namespace kvctl::cli {
namespace {

namespace po = boost::program_options;

// Boost hands an option whose value is optional the next argument, whatever it is. So such an option is a
// flag to it, and
// --name=VALUE goes by another name, which nobody can type by accident.
constexpr char k_with_value = '\x01';

// In one piece: a value made before the rest would be lost if that found no memory.
struct WithValue : po::option_description {
    explicit WithValue(const std::string& names)
        : option_description(names.c_str(), po::value<std::string>(), "") {}
};

po::options_description to_boost(const OptionTable& table) {
    po::options_description description;
    for (const OptionGroup& group : table) {
        for (const Option& o : group.options) {
            const std::string name(o.name);
            const std::string names = o.letter != 0 ? name + ',' + o.letter : name;
            if (o.takes == Option::Takes::nothing || o.value_optional) {
                description.add_options()(names.c_str(), "");
            } else {
                description.add(boost::make_shared<WithValue>(names));
            }
            if (o.value_optional) description.add(boost::make_shared<WithValue>(name + k_with_value));
        }
    }
    return description;
}

Args for_boost(const OptionTable& table, Args args) {
    for (std::string& arg : args) {
        if (arg == "--") break;
        const std::size_t equals = arg.find('=');
        if (!arg.starts_with("--") || equals == std::string::npos) continue;
        const Option* o = find_option(table, std::string_view(arg).substr(2, equals - 2));
        if (o != nullptr && o->value_optional) arg.insert(equals, 1, k_with_value);
    }
    return args;
}

Error unknown_option(const OptionTable& table, std::string given) {
    given.resize(std::min(given.find('='), given.size()));
    std::vector<std::string_view> names;
    for (const OptionGroup& group : table) {
        for (const Option& o : group.options) names.push_back(o.name);
    }
    std::string message = fmt::format("unknown option '{}'", escape(given));
    const std::string_view word =
        std::string_view(given).substr(std::min(given.find_first_not_of('-'), given.size()));
    if (const std::string habit = habit_of_option(word); !habit.empty())
        return usage_error(message + "; " + habit);
    if (const auto near = given.starts_with("--") ? nearest(word, names) : std::nullopt) {
        message += fmt::format("; did you mean --{}?", *near);
    }
    return usage_error(message);
}

std::vector<po::option> split(const OptionTable& table, const Args& args) {
    const po::options_description description = to_boost(table);
    namespace style = po::command_line_style;
    try {
        return po::command_line_parser(for_boost(table, args))
            .options(description)
            .style(style::unix_style & ~style::allow_guessing)
            .run()
            .options;
    } catch (const po::unknown_option& e) {
        throw unknown_option(table, e.get_option_name());
    } catch (const po::invalid_command_line_syntax& e) {
        std::string option = e.get_option_name();
        std::erase(option, k_with_value);
        option = escape(option);
        switch (e.kind()) {
            case po::invalid_syntax::missing_parameter:
                throw usage_error(fmt::format("option {} needs a value", option));
            case po::invalid_syntax::empty_adjacent_parameter:
                throw usage_error(fmt::format("option {} has an empty value", option));
            case po::invalid_syntax::extra_parameter:
                throw usage_error(fmt::format("option {} takes no value", option));
            default:
                throw usage_error(fmt::format("option {}: {}", option, escape(e.what())));
        }
    } catch (const po::error& e) {
        throw usage_error(escape(e.what()));
    }
}

const Option& option_in(const OptionTable& table, std::string_view name) {
    const Option* option = find_option(table, name);
    if (option == nullptr) throw Error(ErrorKind::internal, fmt::format("no option table has --{}", name));
    return *option;
}

// True when `arg` would be an option of the table if it stood alone.
bool is_option(const OptionTable& table, std::string_view arg) noexcept {
    if (arg.size() < 2 || arg[0] != '-') return false;
    if (arg[1] == '-') return find_option(table, arg.substr(2, arg.find_first_of("=\x01") - 2)) != nullptr;
    return std::any_of(table.begin(), table.end(), [&](const OptionGroup& g) {
        return std::any_of(g.options.begin(), g.options.end(),
                           [&](const Option& o) { return o.letter == arg[1]; });
    });
}

// `apart`: the value stood in an argument of its own.
void check_value(const OptionTable& table, const Option& option, const std::string& value, bool apart) {
    const std::string name = "--" + std::string(option.name);
    // "--backup --dry-run" forgot a value; taking the option for it would lose the option.
    if (apart && is_option(table, value)) {
        std::string shown = value;
        std::erase(shown, k_with_value);
        shown = escape(shown);
        throw usage_error(
            fmt::format("option {0} needs a value; if '{1}' is meant, write {0}={1}", name, shown));
    }
    if (option.takes == Option::Takes::file && value.empty())
        throw usage_error(fmt::format("option {} needs a file name", name));
    if (option.takes != Option::Takes::choice) return;
    const auto words = words_of(option.value);
    if (std::find(words.begin(), words.end(), value) != words.end()) return;
    std::string list;
    for (const std::string_view w : words) list += (list.empty() ? "" : ", ") + std::string(w);
    const std::string habit = option.name == "write-out" ? habit_of_format(value) : std::string();
    throw usage_error(fmt::format("{}: '{}' is not one of {}{}{}", name, escape(value), list,
                                  habit.empty() ? "" : "; ", habit));
}

}  // namespace

std::string wrap(std::string_view text, std::size_t width, std::size_t indent) {
    std::string out;
    std::size_t column = 0;
    while (!text.empty()) {
        const std::string_view next = text.substr(0, text.find(' '));
        if (column != 0 && column + 1 + next.size() > width) {
            out += '\n' + std::string(indent, ' ');
            column = 0;
        } else if (column != 0) {
            out += ' ';
            ++column;
        }
        out += next;
        column += next.size();
        text.remove_prefix(std::min(next.size() + 1, text.size()));
    }
    return out;
}

OptionTable join(std::vector<OptionTable> tables) {
    OptionTable all;
    for (OptionTable& t : tables) std::move(t.begin(), t.end(), std::back_inserter(all));
    return all;
}

const Option* find_option(const OptionTable& table, std::string_view name) noexcept {
    for (const OptionGroup& group : table) {
        for (const Option& o : group.options) {
            if (o.name == name) return &o;
        }
    }
    return nullptr;
}

std::vector<std::string_view> words_of(std::string_view choices) {
    std::vector<std::string_view> words;
    for (;;) {
        const std::size_t bar = choices.find('|');
        words.push_back(choices.substr(0, bar));
        if (bar == std::string_view::npos) return words;
        choices.remove_prefix(bar + 1);
    }
}

Parsed::Parsed(OptionTable table, std::vector<std::pair<std::string, std::optional<std::string>>> given,
               std::vector<std::string> operands)
    : table_(std::move(table)), given_(std::move(given)), operands_(std::move(operands)) {}

bool Parsed::has(std::string_view name) const {
    option_in(table_, name);
    return std::any_of(given_.begin(), given_.end(), [&](const auto& g) { return g.first == name; });
}

std::optional<std::string> Parsed::value(std::string_view name) const {
    option_in(table_, name);
    for (const auto& [given, value] : given_) {
        if (given == name) return value;
    }
    return std::nullopt;
}

std::string Parsed::value_or(std::string_view name, std::string_view otherwise) const {
    return value(name).value_or(std::string(otherwise));
}

bool Parsed::offers(std::string_view name) const noexcept {
    return find_option(table_, name) != nullptr;
}

void Parsed::expect_operands(std::size_t least, std::size_t most, std::string_view names) const {
    if (operands_.size() < least) throw usage_error(fmt::format("missing operand; expected {}", names));
    if (operands_.size() > most) {
        throw usage_error(fmt::format("superfluous operand '{}'; expected {}", escape(operands_[most]),
                                      names.empty() ? "none" : names));
    }
}

void Parsed::at_most_one_of(const std::vector<std::string_view>& names) const {
    const std::string_view* first = nullptr;
    for (const std::string_view& name : names) {
        if (!has(name)) continue;
        if (first != nullptr) {
            throw usage_error(fmt::format("--{} and --{} exclude each other", *first, name));
        }
        first = &name;
    }
}

Parsed parse(const OptionTable& table, const Args& args) {
    std::vector<std::pair<std::string, std::optional<std::string>>> given;
    std::vector<std::string> operands;
    for (const po::option& o : split(table, args)) {
        if (o.string_key.empty()) {
            operands.insert(operands.end(), o.original_tokens.begin(), o.original_tokens.end());
            continue;
        }
        std::string name = o.string_key;
        std::erase(name, k_with_value);
        if (std::any_of(given.begin(), given.end(), [&](const auto& g) { return g.first == name; })) {
            throw usage_error(fmt::format("option --{} is given twice", name));
        }
        std::optional<std::string> value;
        if (!o.value.empty()) value = o.value.front();
        if (value) check_value(table, option_in(table, name), *value, o.original_tokens.size() > 1);
        given.emplace_back(std::move(name), std::move(value));
    }
    return {table, std::move(given), std::move(operands)};
}

std::string describe(const OptionTable& table) {
    constexpr std::size_t k_column = 30;
    constexpr std::size_t k_width = 80;
    std::string out;
    for (const OptionGroup& group : table) {
        out += "\n" + std::string(group.heading) + ":\n";
        for (const Option& o : group.options) {
            std::string left = o.letter != 0 ? std::string("  -") + o.letter + ", " : "      ";
            left += "--" + std::string(o.name);
            if (o.value_optional) {
                left += "[=" + std::string(o.value) + "]";
            } else if (o.takes != Option::Takes::nothing) {
                left += " " + std::string(o.value);
            }
            if (left.size() + 2 > k_column) {
                left += '\n' + std::string(k_column, ' ');
            } else {
                left.resize(k_column, ' ');
            }
            out += left + wrap(o.help, k_width - k_column, k_column) + '\n';
        }
    }
    return out;
}

bool asks_for(const OptionTable& table, const Args& args, std::string_view name, char letter) noexcept {
    for (const std::string& arg : args) {
        if (arg == "--") return false;
        if (arg.size() < 2 || arg[0] != '-') continue;
        if (arg[1] == '-') {
            if (std::string_view(arg).substr(2) == name) return true;
            continue;
        }
        for (const char c : std::string_view(arg).substr(1)) {
            if (letter != 0 && c == letter) return true;
            // What follows a letter that takes a value is that value.
            const auto is_plain_flag = [&](const Option& o) {
                return o.letter == c && o.takes == Option::Takes::nothing;
            };
            if (std::none_of(table.begin(), table.end(), [&](const OptionGroup& g) {
                    return std::any_of(g.options.begin(), g.options.end(), is_plain_flag);
                })) {
                break;
            }
        }
    }
    return false;
}

}  // namespace kvctl::cli
