#include "kvctl/base/bytes.hpp"
#include "kvctl/base/error.hpp"
#include "kvctl/base/format.hpp"
#include "tools/commands.hpp"
#include "tools/completion.hpp"

namespace kvctl::cli {

OptionTable completion_options() {
    return help_options();
}

int completion(const Args& args, Io& io) {
    const Parsed parsed = parse(completion_options(), args);
    parsed.expect_operands(1, 1, "bash, zsh or fish");
    const std::string& shell = parsed.operands().front();
    if (shell == "bash") {
        io.out << bash_completion();
    } else if (shell == "zsh") {
        io.out << zsh_completion();
    } else if (shell == "fish") {
        io.out << fish_completion();
    } else {
        throw usage_error(fmt::format("'{}' is not one of bash, zsh, fish", escape(shell)));
    }
    return 0;
}

}  // namespace kvctl::cli
