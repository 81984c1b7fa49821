#pragma once
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/options.hpp"

namespace kvctl::cli {

/// Everything a command may touch of the outside: tests hand in string streams. A stream that can no longer
/// be written turns bad and never throws; a command with endless output stops when `!io.out`. `run` reports
/// it.
struct Io {
    std::ostream& out;
    std::ostream& err;
    bool out_is_terminal = false;
    bool err_is_terminal = false;
    std::size_t columns = 0;  ///< of the terminal that `out` is; 0: it is none
    std::size_t rows = 0;
};

/// A row of the command table. A command is added by one row in cli.cpp, one pair of declarations below and
/// one source in tools/CMakeLists.txt.
struct Command {
    std::string_view name;
    std::string_view alias;     ///< empty: none
    std::string_view synopsis;  ///< what follows "kvctl NAME", [OPTIONS] included; one form a line
    std::string_view summary;   ///< one line, no full stop
    std::string_view examples;  ///< three command lines, each with what it does behind a '#'
    OptionTable (*options)();
    int (*function)(const Args& args, Io& io);
};

/// In the order in which help lists them.
[[nodiscard]] std::span<const Command> commands() noexcept;
/// By name or alias; null when there is none.
[[nodiscard]] const Command* find_command(std::string_view name) noexcept;

/// A word behind a command's name that gives it a form with options of its own.
struct Form {
    std::string_view command;
    std::string_view word;
    OptionTable (*options)();  ///< of those of the command, the ones that go with the word
};
[[nodiscard]] std::span<const Form> forms() noexcept;

/// The whole program but for streams and argv: finds the command, catches, maps to exit codes, flushes
/// `io.out`.
int run(const Args& args, Io& io);

// One function a command: `args` are those behind the command's name. Returns the exit code; throws
// kvctl::Error.
int check(const Args& args, Io& io);
int churn(const Args& args, Io& io);
int compact(const Args& args, Io& io);
int hash(const Args& args, Io& io);
int completion(const Args& args, Io& io);
int diff(const Args& args, Io& io);
int du(const Args& args, Io& io);
int explain(const Args& args, Io& io);
int export_store(const Args& args, Io& io);
int get(const Args& args, Io& io);
int history(const Args& args, Io& io);
int help(const Args& args, Io& io);
int import_store(const Args& args, Io& io);
int index(const Args& args, Io& io);
int raft(const Args& args, Io& io);
int replay(const Args& args, Io& io);
int report_page(const Args& args, Io& io);
int status(const Args& args, Io& io);
int timeline(const Args& args, Io& io);
int vacuum(const Args& args, Io& io);
int version(const Args& args, Io& io);

// What each takes, for parsing, --help, completion and the man page test.
OptionTable check_options();
OptionTable churn_options();
OptionTable compact_options();
OptionTable hash_options();
OptionTable completion_options();
OptionTable diff_options();
OptionTable du_options();
OptionTable explain_options();
OptionTable export_options();
OptionTable get_options();
OptionTable history_options();
OptionTable help_options();
OptionTable import_options();
OptionTable index_options();
OptionTable raft_options();
OptionTable raft_compact_options();
OptionTable replay_options();
OptionTable report_options();
OptionTable status_options();
OptionTable timeline_options();
OptionTable vacuum_options();
OptionTable version_options();

}  // namespace kvctl::cli
