#include "tools/completion.hpp"

#include <string_view>
#include <vector>

#include "kvctl/base/text.hpp"
#include "tools/commands.hpp"

namespace kvctl::cli {
namespace {

std::vector<Option> options_in(const OptionTable& table) {
    std::vector<Option> all;
    for (const OptionGroup& group : table) all.insert(all.end(), group.options.begin(), group.options.end());
    return all;
}

// "compact|compaction"
std::string names_of(const Command& command, std::string_view separator) {
    std::string names(command.name);
    if (!command.alias.empty()) names += std::string(separator) + std::string(command.alias);
    return names;
}

// Words that give a command another form: they stand beside the files it takes.
std::string form_words(std::string_view command) {
    std::string words;
    for (const Form& f : forms()) {
        if (f.command == command) words += (words.empty() ? "" : " ") + std::string(f.word);
    }
    return words;
}

// "raft compact"
std::string name_of(const Form& form) {
    return std::string(form.command) + " " + std::string(form.word);
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

// "text json jsonl" of "text|json|jsonl"; empty where any word will do.
std::string choices_of(const Option& option) {
    std::string words(option.takes == Option::Takes::choice ? option.value : option.words);
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

// fish's quotes know two escapes.
std::string fish_quoted(std::string_view text) {
    return "'" + escaped(text, "'\\") + "'";
}

// `label`: the pattern of the case; `operands`: what an operand is one of, or empty for files; `also`: words
// beside files.
std::string bash_case(const std::string& label, const OptionTable& table, const std::string& operands,
                      const std::string& also) {
    std::string options;
    std::string out;
    for (const Option& o : options_in(table)) {
        options += (options.empty() ? "--" : " --") + std::string(o.name);
        if (o.letter != 0) options += std::string(" -") + o.letter;
        if (o.takes == Option::Takes::nothing) continue;
        // An optional value insists on the equals sign.
        const std::string name = "--" + std::string(o.name);
        std::string names = (o.value_optional ? "" : name + "|") + name + "=";
        if (o.letter != 0) names += std::string("|-") + o.letter;
        const std::string words = choices_of(o);
        out += "        " + names + ") ";
        if (!words.empty()) out += "_kvctl_words '" + words + "'; ";
        if (o.takes == Option::Takes::file) out += "_kvctl_files; ";
        out += "return ;;\n";
    }
    return "    " + label + ")\n        case $before in\n" + out + "        esac\n        options='" +
           options + "'\n        operands='" + operands + "'\n        also='" + also + "'\n        ;;\n";
}

std::string zsh_spec(const Option& o) {
    const std::string help = "[" + escaped(o.help, "[]\\") + "]";
    const std::string name(o.name);
    std::string value;
    if (o.takes != Option::Takes::nothing) {
        value = (o.value_optional ? "::" : ":") +
                (o.takes == Option::Takes::choice ? name : escaped(o.value, ":\\")) + ":";
        if (const std::string words = choices_of(o); !words.empty()) value += "(" + words + ")";
        if (o.takes == Option::Takes::file) value += "_files";
    }
    const std::string equals = value.empty() ? "" : o.value_optional ? "=-" : "=";
    if (o.letter == 0) return shell_quoted("--" + name + equals + help + value);
    const std::string letter = std::string("-") + o.letter;
    return shell_quoted("(" + letter + " --" + name + ")") + "{" + letter + (value.empty() ? "" : "+") +
           ",--" + name + equals + "}" + shell_quoted(help + value);
}

std::string zsh_arguments(const std::string& indent, const OptionTable& table, const std::string& operands) {
    std::string out = indent + "_arguments -s -S \\\n";
    for (const Option& o : options_in(table)) out += indent + "    " + zsh_spec(o) + " \\\n";
    return out + indent + "    " + shell_quoted(operands) + "\n";
}

void fish_options(std::string& out, const std::string& lead, const OptionTable& table) {
    for (const Option& o : options_in(table)) {
        out += lead + "-l " + std::string(o.name);
        if (o.letter != 0) out += std::string(" -s ") + o.letter;
        const std::string words = choices_of(o);
        if (o.takes == Option::Takes::word || !words.empty()) out += " -x";
        if (!words.empty()) out += " -a '" + words + "'";
        if (o.takes == Option::Takes::file && !o.value_optional) out += " -r -F";
        out += " -d " + fish_quoted(o.help) + "\n";
    }
}

}  // namespace

std::string bash_completion() {
    std::string names;
    std::string cases;
    for (const Command& c : commands()) {
        names += (names.empty() ? "" : " ") + names_of(c, " ");
        cases += bash_case(names_of(c, "|"), c.options(), operand_words(c), form_words(c.name));
    }
    std::string looks;
    for (const Form& f : forms()) {
        cases += bash_case("'" + name_of(f) + "'", f.options(), "", "");
        looks += "        '" + name_of(f) + "') command=\"${COMP_WORDS[1]} $word\" ;;\n";
    }
    return R"(# bash completion for kvctl: source it, or put it into /etc/bash_completion.d
_kvctl_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current"); }

_kvctl_files() {
    compopt -o filenames 2>/dev/null || true
    mapfile -t COMPREPLY < <(compgen -f -W "${1-}" -- "$current")
}

_kvctl() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options='' operands='' also=''
    local command=${COMP_WORDS[1]} word
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
    # A word that gives the command another form.
    for word in "${COMP_WORDS[@]:2:COMP_CWORD-2}"; do
        case "${COMP_WORDS[1]} $word" in
)" + looks +
           R"(        esac
    done
    case $command in
)" + cases +
           R"(    *) return ;;
    esac
    if [[ $current == -* ]]; then
        _kvctl_words "$options"
    elif [[ -n $operands ]]; then
        _kvctl_words "$operands"
    else
        _kvctl_files "$also"
    fi
}

complete -F _kvctl kvctl
)";
}

std::string zsh_completion() {
    std::string names;
    std::string cases;
    for (const Command& c : commands()) {
        names += "        " + shell_quoted(std::string(c.name) + ":" + escaped(c.summary, ":\\")) + "\n";
        cases += "    " + names_of(c, "|") + ")\n";
        for (const Form& f : forms()) {
            if (f.command != c.name) continue;
            cases += "        if ((${words[(I)" + std::string(f.word) + "]} > 1)) && ((${words[(I)" +
                     std::string(f.word) + "]} < CURRENT)); then\n" +
                     zsh_arguments("            ", f.options(), "*:file:_files") +
                     "            return\n        fi\n";
        }
        const std::string words = operand_words(c);
        const std::string also = form_words(c.name);
        const std::string operands = !words.empty()  ? "*:" + std::string(c.name) + ":(" + words + ")"
                                     : !also.empty() ? "*:file:_kvctl_or_files " + also
                                                     : "*:file:_files";
        cases += zsh_arguments("        ", c.options(), operands) + "        ;;\n";
    }
    return R"(#compdef kvctl
# zsh completion for kvctl: source it, or save it as _kvctl in a folder of $fpath
_kvctl_or_files() {
    _alternative 'forms:form:('"$*"')' 'files:file:_files'
}

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
    std::string out = R"(# fish completion for kvctl: save it as ~/.config/fish/completions/kvctl.fish
# Whether the command is one of these names.
function __kvctl_command
    set -l words (commandline -opc)
    set -q words[2]; and contains -- $words[2] $argv
end

# Whether the command is the first name, and the second stands behind it.
function __kvctl_form
    set -l words (commandline -opc)
    set -q words[3]; and test $words[2] = $argv[1]; and contains -- $argv[2] $words[3..-1]
end

)";
    const std::string first = "complete -c kvctl -n __fish_use_subcommand ";
    out += first + "-f\n";
    for (const Command& c : commands()) {
        out += first + "-a " + std::string(c.name) + " -d " + fish_quoted(c.summary) + "\n";
    }
    for (const Command& c : commands()) {
        std::string condition = "__kvctl_command " + names_of(c, " ");
        for (const Form& f : forms()) {
            if (f.command == c.name) condition += "; and not __kvctl_form " + name_of(f);
        }
        const std::string lead = "complete -c kvctl -n '" + condition + "' ";
        const std::string words = operand_words(c);
        if (!words.empty()) out += lead + "-f -a '" + words + "'\n";
        if (const std::string also = form_words(c.name); !also.empty()) out += lead + "-a '" + also + "'\n";
        fish_options(out, lead, c.options());
    }
    for (const Form& f : forms())
        fish_options(out, "complete -c kvctl -n '__kvctl_form " + name_of(f) + "' ", f.options());
    return out;
}

}  // namespace kvctl::cli
