#include "tests/support/run_cli.hpp"

#include <sstream>

#include "tools/commands.hpp"

namespace kvctl::test {

Result run_cli(const std::vector<std::string>& args, Terminals terminals) {
    std::ostringstream out;
    std::ostringstream err;
    cli::Io io{out, err, terminals.out, terminals.err};
    const int code = cli::run(args, io);
    return {code, out.str(), err.str()};
}

}  // namespace kvctl::test
