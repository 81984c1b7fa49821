#include "tools/options.hpp"

#include <algorithm>
#include <boost/program_options.hpp>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "tools/suggest.hpp"

namespace kvctl::cli {
namespace {

namespace po = boost::program_options;

po::options_description to_boost(const OptionTable& table) {
    po::options_description description;
    for (const OptionGroup& group : table) {
        for (const Option& o : group.options) {
            std::string name(o.name);
            if (o.letter != 0) name += std::string(",") + o.letter;
            if (o.takes == Option::Takes::nothing) {
                description.add_options()(name.c_str(), "");
            } else if (o.value_optional) {
                description.add_options()(name.c_str(), po::value<std::string>()->implicit_value(""), "");
            } else {
                description.add_options()(name.c_str(), po::value<std::string>(), "");
            }
        }
    }
    return description;
}

Error usage(const std::string& message) {
    return {ErrorKind::usage, message};
}

Error unknown_option(const OptionTable& table, const std::string& given) {
    std::vector<std::string_view> names;
    for (const OptionGroup& group : table) {
        for (const Option& o : group.options) names.push_back(o.name);
    }
    std::string message = "unknown option '" + escape(given) + "'";
    const std::string_view word =
        std::string_view(given).substr(std::min(given.find_first_not_of('-'), given.size()));
    if (const auto near = given.starts_with("--") ? nearest(word, names) : std::nullopt) {
        message += "; did you mean --" + std::string(*near) + "?";
    }
    return usage(message);
}

std::vector<po::option> split(const OptionTable& table, const Args& args) {
    const po::options_description description = to_boost(table);
    namespace style = po::command_line_style;
    try {
        return po::command_line_parser(args)
            .options(description)
            .style(style::unix_style & ~style::allow_guessing)
            .run()
            .options;
    } catch (const po::unknown_option& e) {
        throw unknown_option(table, e.get_option_name());
    } catch (const po::invalid_command_line_syntax& e) {
        const std::string option = escape(e.get_option_name());
        switch (e.kind()) {
            case po::invalid_syntax::missing_parameter:
                throw usage("option " + option + " needs a value");
            case po::invalid_syntax::empty_adjacent_parameter:
                throw usage("option " + option + " has an empty value");
            case po::invalid_syntax::extra_parameter:
                throw usage("option " + option + " takes no value");
            default:
                throw usage("option " + option + ": " + escape(e.what()));
        }
    } catch (const po::error& e) {
        throw usage(escape(e.what()));
    }
}

void check_choice(const Option& option, const std::string& value) {
    const auto words = words_of(option.value);
    if (std::find(words.begin(), words.end(), value) != words.end()) return;
    std::string list;
    for (const std::string_view w : words) list += (list.empty() ? "" : ", ") + std::string(w);
    throw usage("--" + std::string(option.name) + ": '" + escape(value) + "' is not one of " + list);
}

const Option& option_in(const OptionTable& table, std::string_view name) {
    const Option* option = find_option(table, name);
    if (option == nullptr) throw Error(ErrorKind::internal, "no option table has --" + std::string(name));
    return *option;
}

// `text` broken at spaces so that no line passes `width`; lines after the first begin with `indent` spaces.
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

}  // namespace

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

bool Parsed::knows(std::string_view name) const noexcept {
    return find_option(table_, name) != nullptr;
}

void Parsed::expect_operands(std::size_t least, std::size_t most, std::string_view names) const {
    if (operands_.size() < least) throw usage("missing operand; expected " + std::string(names));
    if (operands_.size() > most) {
        throw usage("superfluous operand '" + escape(operands_[most]) + "'; expected " +
                    (names.empty() ? "none" : std::string(names)));
    }
}

void Parsed::at_most_one_of(const std::vector<std::string_view>& names) const {
    const std::string_view* first = nullptr;
    for (const std::string_view& name : names) {
        if (!has(name)) continue;
        if (first != nullptr) {
            throw usage("--" + std::string(*first) + " and --" + std::string(name) + " exclude each other");
        }
        first = &name;
    }
}

Parsed parse(const OptionTable& table, const Args& args) {
    std::vector<std::pair<std::string, std::optional<std::string>>> given;
    std::vector<std::string> operands;
    for (const po::option& o : split(table, args)) {
        if (o.string_key.empty()) {
            operands.insert(operands.end(), o.value.begin(), o.value.end());
            continue;
        }
        const std::string_view key = o.string_key;
        const Option& option = option_in(table, key);
        if (std::any_of(given.begin(), given.end(), [&](const auto& g) { return g.first == key; })) {
            throw usage("option --" + o.string_key + " is given twice");
        }
        std::optional<std::string> value;
        if (option.takes != Option::Takes::nothing && !o.value.empty()) value = o.value.front();
        if (value && option.takes == Option::Takes::choice) check_choice(option, *value);
        if (value && value->empty() && option.takes == Option::Takes::file) {
            throw usage("option --" + o.string_key + " needs a file name");
        }
        given.emplace_back(o.string_key, std::move(value));
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
