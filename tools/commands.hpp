#pragma once
#include <ostream>
#include <string>
#include <vector>

namespace kvctl::cli {

using Args = std::vector<std::string>;

/// Everything a command may touch of the outside: tests hand in string streams.
struct Io {
    std::ostream& out;
    std::ostream& err;
    bool out_is_terminal = false;
    bool err_is_terminal = false;
};

/// One function a command: `args` are those behind the command's name. Returns the exit code; throws kvctl::Error.
int compact(const Args& args, Io& io);
int status(const Args& args, Io& io);
int index(const Args& args, Io& io);
int vacuum(const Args& args, Io& io);
int hash(const Args& args, Io& io);
int help(const Args& args, Io& io);
int version(const Args& args, Io& io);

/// The whole program but for streams and argv: finds the command, catches, maps to exit codes, flushes `io.out`.
int run(const Args& args, Io& io);

}  // namespace kvctl::cli
