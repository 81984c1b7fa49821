#include "tools/completion.hpp"

#include <string_view>
#include <vector>

#include "tools/commands.hpp"

namespace kvctl::cli {
namespace {

std::vector<Option> options_of(const Command& command) {
    std::vector<Option> all;
    for (const OptionGroup& group : command.options())
        all.insert(all.end(), group.options.begin(), group.options.end());
    return all;
}

// "compact|compaction"
std::string names_of(const Command& command, std::string_view separator) {
    std::string names(command.name);
    if (!command.alias.empty()) names += std::string(separator) + std::string(command.alias);
    return names;
}

// Words a command's operand is one of; empty: files.
std::string operand_words(const Command& command) {
    if (command.name == "completion") return "bash zsh fish";
    std::string words;
    if (command.name == "help") {
        for (const Command& c : commands())
            words += std::string(words.empty() ? "" : " ") + std::string(c.name);
    }
    return words;
}

// "text json jsonl" of "text|json|jsonl"
std::string choices_of(const Option& option) {
    std::string words(option.value);
    for (char& c : words) {
        if (c == '|') c = ' ';
    }
    return words;
}

// `text` with a backslash before each of `special`.
std::string escaped(std::string_view text, std::string_view special) {
    std::string out;
    for (const char c : text) {
        if (special.find(c) != std::string_view::npos) out += '\\';
        out += c;
    }
    return out;
}

// In single quotes for bash and zsh.
std::string quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
        out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return out + "'";
}

std::string bash_case(const Command& command) {
    std::string options;
    std::string out;
    for (const Option& o : options_of(command)) {
        options += (options.empty() ? "--" : " --") + std::string(o.name);
        if (o.letter != 0) options += std::string(" -") + o.letter;
        if (o.takes == Option::Takes::nothing) continue;
        // An optional value insists on the equals sign.
        const std::string name = "--" + std::string(o.name);
        std::string names = (o.value_optional ? "" : name + "|") + name + "=";
        if (o.letter != 0) names += std::string("|-") + o.letter;
        out += "        " + names + ") ";
        switch (o.takes) {
            case Option::Takes::choice:
                out += "_kvctl_words '" + choices_of(o) + "'; return ;;\n";
                break;
            case Option::Takes::file:
                out += "_kvctl_files; return ;;\n";
                break;
            default:
                out += "return ;;\n";
                break;
        }
    }
    const std::string words = operand_words(command);
    return "    " + names_of(command, "|") + ")\n        case $before in\n" + out +
           "        esac\n        options='" + options + "'\n        operands='" + words + "'\n        ;;\n";
}

std::string zsh_spec(const Option& o) {
    const std::string help = "[" + escaped(o.help, "[]\\") + "]";
    const std::string name(o.name);
    std::string value;
    if (o.takes != Option::Takes::nothing) {
        value = (o.value_optional ? "::" : ":") +
                (o.takes == Option::Takes::choice ? name : escaped(o.value, ":\\")) + ":";
        if (o.takes == Option::Takes::choice) value += "(" + choices_of(o) + ")";
        if (o.takes == Option::Takes::file) value += "_files";
    }
    const std::string equals = value.empty() ? "" : o.value_optional ? "=-" : "=";
    if (o.letter == 0) return quoted("--" + name + equals + help + value);
    const std::string letter = std::string("-") + o.letter;
    return quoted("(" + letter + " --" + name + ")") + "{" + letter + (value.empty() ? "" : "+") + ",--" +
           name + equals + "}" + quoted(help + value);
}

}  // namespace

std::string bash_completion() {
    std::string names;
    std::string cases;
    for (const Command& c : commands()) {
        names += (names.empty() ? "" : " ") + names_of(c, " ");
        cases += bash_case(c);
    }
    return R"(# bash completion for kvctl: source it, or put it into /etc/bash_completion.d
_kvctl_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current"); }

_kvctl_files() {
    compopt -o filenames 2>/dev/null || true
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
}

_kvctl() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options='' operands=''
    COMPREPLY=()
    # "--layout=na" comes as three words, "--layout=" as two.
    if [[ $current == = ]]; then
        current=''
        before+='='
    elif [[ $before == = && $COMP_CWORD -gt 2 ]]; then
        before=${COMP_WORDS[COMP_CWORD-2]}=
    fi
    if ((COMP_CWORD == 1)); then
        _kvctl_words ')" +
           names + R"( --help --version'
        return
    fi
    case ${COMP_WORDS[1]} in
)" + cases +
           R"(    *) return ;;
    esac
    if [[ $current == -* ]]; then
        _kvctl_words "$options"
    elif [[ -n $operands ]]; then
        _kvctl_words "$operands"
    else
        _kvctl_files
    fi
}

complete -F _kvctl kvctl
)";
}

std::string zsh_completion() {
    std::string names;
    std::string cases;
    for (const Command& c : commands()) {
        names += "        " + quoted(std::string(c.name) + ":" + escaped(c.summary, ":\\")) + "\n";
        cases += "    " + names_of(c, "|") + ")\n        _arguments -s -S \\\n";
        for (const Option& o : options_of(c)) cases += "            " + zsh_spec(o) + " \\\n";
        const std::string words = operand_words(c);
        cases += "            " +
                 quoted(words.empty() ? "*:file:_files" : "*:" + std::string(c.name) + ":(" + words + ")") +
                 "\n        ;;\n";
    }
    return R"(#compdef kvctl
# zsh completion for kvctl: source it, or save it as _kvctl in a folder of $fpath
_kvctl() {
    local -a commands
    commands=(
)" + names +
           R"(    )
    if ((CURRENT == 2)); then
        _describe command commands
        return
    fi
    shift words
    ((CURRENT--))
    case $words[1] in
)" + cases +
           R"(    esac
}

if [[ $funcstack[1] == _kvctl ]]; then
    _kvctl "$@"
else
    compdef _kvctl kvctl
fi
)";
}

std::string fish_completion() {
    // fish's quotes know two escapes.
    const auto quote = [](std::string_view text) { return "'" + escaped(text, "'\\") + "'"; };
    std::string out = "# fish completion for kvctl: save it as ~/.config/fish/completions/kvctl.fish\n";
    const std::string first = "complete -c kvctl -n __fish_use_subcommand ";
    out += first + "-f\n";
    for (const Command& c : commands()) {
        out += first + "-a " + std::string(c.name) + " -d " + quote(c.summary) + "\n";
    }
    for (const Command& c : commands()) {
        const std::string lead =
            "complete -c kvctl -n '__fish_seen_subcommand_from " + names_of(c, " ") + "' ";
        const std::string words = operand_words(c);
        if (!words.empty()) out += lead + "-f -a '" + words + "'\n";
        for (const Option& o : options_of(c)) {
            out += lead + "-l " + std::string(o.name);
            if (o.letter != 0) out += std::string(" -s ") + o.letter;
            if (o.takes == Option::Takes::word) out += " -x";
            if (o.takes == Option::Takes::choice) out += " -x -a '" + choices_of(o) + "'";
            if (o.takes == Option::Takes::file && !o.value_optional) out += " -r -F";
            out += " -d " + quote(o.help) + "\n";
        }
    }
    return out;
}

}  // namespace kvctl::cli
