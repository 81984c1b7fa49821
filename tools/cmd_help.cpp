#include "tools/cmd_help.hpp"

#include <algorithm>

#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"

namespace kvctl::cli {

std::string describe_program() {
    std::string out =
        "Usage: kvctl COMMAND [OPTIONS] [OPERANDS] STORE\n"
        "\n"
        "Looks into stores of etcd, k3s (kine) and MicroK8s (dqlite) without a server,\n"
        "and compacts them.\n"
        "\n"
        "Commands:\n";
    for (const Command& c : commands()) {
        std::string left = "  " + std::string(c.name);
        if (!c.alias.empty()) left += " (" + std::string(c.alias) + ")";
        left.resize(left.size() < 24 ? 24 : left.size() + 1, ' ');
        out += left + std::string(c.summary) + '\n';
    }
    return out +
           "\n"
           "'kvctl COMMAND --help' shows what a command takes, 'man kvctl' the rest.\n";
}

std::string describe_command(const Command& command) {
    std::string out;
    std::string_view forms = command.synopsis;
    for (std::string_view lead = "Usage: ";; lead = "       ") {
        const std::size_t end = forms.find('\n');
        const std::string_view form = forms.substr(0, end);
        const std::string begin = std::string(lead) + "kvctl " + std::string(command.name) + ' ';
        out += begin + wrap(form, 80 - begin.size(), begin.size()) + '\n';
        if (end == std::string_view::npos) break;
        forms.remove_prefix(end + 1);
    }
    if (!command.alias.empty()) out += "Also:  kvctl " + std::string(command.alias) + '\n';
    out += '\n' + std::string(command.summary) + ".\n" + describe(command.options());
    out += "\nExamples:\n";
    std::string_view examples = command.examples;
    while (!examples.empty()) {
        const std::string_view line = examples.substr(0, examples.find('\n'));
        // What it does stands behind the command where both fit, else above it.
        const std::size_t mark = line.find("  # ");
        const std::string_view what = line.substr(mark + 2);
        if (line.size() + 2 <= 80) {
            out += "  " + std::string(line) + '\n';
        } else {
            out += "  " + std::string(what) + "\n  " + std::string(line.substr(0, mark)) + '\n';
        }
        examples.remove_prefix(std::min(line.size() + 1, examples.size()));
    }
    return out;
}

OptionTable help_options() {
    return {{"Options",
             {flag("help", "show this help and exit", 'h'), flag("version", "show the version and exit")}}};
}

int help(const Args& args, Io& io) {
    const Parsed parsed = parse(help_options(), args);
    parsed.expect_operands(0, 1, "[COMMAND]");
    if (parsed.operands().empty()) {
        io.out << describe_program();
        return 0;
    }
    const std::string& name = parsed.operands().front();
    const Command* command = find_command(name);
    if (command == nullptr)
        throw usage_error(fmt::format("no help on '{}': there is no such command", escape(name)));
    io.out << describe_command(*command);
    return 0;
}

}  // namespace kvctl::cli
